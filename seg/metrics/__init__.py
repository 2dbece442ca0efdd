"""Metrics: how well predictions match labels."""
