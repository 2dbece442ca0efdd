"""Scores are named after the split they were measured on: `val/miou`, `test/iou/road`."""

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")
_TRAINING = "val"  # the split that training scores


def under_split(scores: Mapping[str, T], split: str) -> dict[str, T]:
    """Name scores after their split.

    Files of earlier versions hold the scores of every split under `val/`.

    Args:
        scores: read from a file.
        split: that was scored.
    """
    prefix = f"{split}/"
    if split == _TRAINING or any(key.startswith(prefix) for key in scores):
        return dict(scores)
    old = f"{_TRAINING}/"
    return {
        prefix + key.removeprefix(old) if key.startswith(old) else key: value
        for key, value in scores.items()
    }
