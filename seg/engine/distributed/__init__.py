"""Distributed training: one process a device, on one machine or several."""
