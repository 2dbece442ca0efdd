"""Weights in and out: what a file fits, conversion, comparison with the origin."""
