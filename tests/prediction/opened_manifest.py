"""A manifest, opened."""

from seg.prediction.manifest import Manifest

HEADER = {"checkpoint_sha256": "ab", "inference": {"window": [3, 4]}, "formats": ["labels"]}


def opened(output, **choices):
    return Manifest(output, choices.pop("header", HEADER), **choices)
