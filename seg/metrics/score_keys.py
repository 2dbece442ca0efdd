"""Keys of scores, which name the split that was evaluated: `val/miou`, `test/iou/road`."""

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")
_TRAINING = "val"  # the split that training evaluates


def under_split(scores: Mapping[str, T], split: str) -> dict[str, T]:
    """Name scores after their split.

    Files of earlier versions hold the scores of every split under `val/`.

    Args:
        scores: read from a file.
        split: the one that was evaluated.
    """
    prefix = f"{split}/"
    if split == _TRAINING or any(key.startswith(prefix) for key in scores):
        return dict(scores)
    old = f"{_TRAINING}/"
    return {
        prefix + key.removeprefix(old) if key.startswith(old) else key: value
        for key, value in scores.items()
    }
