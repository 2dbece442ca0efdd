"""Street scenes rendered from a seed: the embedded dataset."""

from seg.data.datasets.streets.dataset import Streets

__all__ = ["Streets"]
