"""Convolutions written for one machine, each beside PyTorch's own that it replaces."""
