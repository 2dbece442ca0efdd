"""Segmentation datasets, one module for each kind."""
