"""Frames of one video in two splits, recognized by names and confirmed by the images."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from seg.dataset_tools.duplicates import details

_Frame = tuple[int, str, NDArray[np.uint8]]

_NUMBERED = re.compile(r"^(.*\D)?(\d{1,18})$")
_MIN_FRAMES = 20
_MOST_COMPARED = 1000
# Difference of the correlations of neighbours in number and of any two frames: 0.19 to 0.51 in
# CamVid's three drives, 0 (deviation 0.04 at 20 frames) if numbers are arbitrary.
_MIN_GAIN = 0.2


def shared_sequences(
    splits: Mapping[str, tuple[Sequence[str], NDArray[np.uint8]]],
) -> dict[str, dict[str, int]]:
    """Find the videos that several splits share.

    Names such as `0016E5_07959` may be numbered arbitrarily. They are frames of a video if images
    of neighbouring numbers are more similar than images drawn by chance.

    Args:
        splits: of each split the names of its samples and their icons, uint8, N x H x W.

    Returns:
        by the start of the names of a video's frames, before the number: its frames in each split.
    """
    frames: dict[str, list[_Frame]] = {}
    for split, (names, icons_NHW) in splits.items():
        for name, icon_HW in zip(names, icons_NHW, strict=True):
            numbered = _NUMBERED.match(name)
            if numbered:
                prefix, number = numbered.groups("")
                frames.setdefault(prefix, []).append((int(number), split, icon_HW))
    shared = {}
    for prefix, each in sorted(frames.items()):
        counts = dict(Counter(split for _, split, _ in each))
        if len(each) >= _MIN_FRAMES and len(counts) > 1 and _is_video(each):
            shared[prefix] = counts
    return shared


def _is_video(frames: list[_Frame]) -> bool:
    """Return whether neighbours in number are more similar than any two frames."""
    icons_NHW = np.stack([icon_HW for *_, icon_HW in sorted(frames, key=lambda each: each[:2])])
    places = np.random.default_rng(0).permutation(len(icons_NHW) - 1)[:_MOST_COMPARED]
    some_PD, next_PD = details(icons_NHW[places]), details(icons_NHW[places + 1])
    neighbours, strangers = _likeness(some_PD, next_PD), _likeness(some_PD[:-1], some_PD[1:])
    return neighbours >= strangers + _MIN_GAIN


def _likeness(first_PD: NDArray[np.float32], second_PD: NDArray[np.float32]) -> float:
    """Return the mean correlation of rows of details."""
    return float((first_PD * second_PD).sum(axis=1).mean())
