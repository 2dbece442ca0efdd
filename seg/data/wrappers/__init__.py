"""Datasets that wrap another dataset and change its samples, their order or their classes."""
