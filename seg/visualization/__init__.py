"""Predictions as images for people."""
