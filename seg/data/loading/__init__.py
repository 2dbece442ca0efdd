"""Samples in order, in batches, in workers."""
