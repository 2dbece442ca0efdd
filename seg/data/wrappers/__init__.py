"""Datasets that change what another dataset gives: its samples, their order or classes."""
