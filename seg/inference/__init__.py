"""Inference: a trained network applied to images of any size."""
