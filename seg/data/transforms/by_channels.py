"""Transforms that are chosen by the images of a data set: for RGB, or for any other bands."""

from collections.abc import Sequence
from typing import Any

from seg.data.readers.value_range import RGB_CHANNELS, ImageDecoding

_COLORS = {"red", "green", "blue"}


class ByChannels:
    """A place in a list of transforms that images of RGB and of other bands fill differently.

    Args:
        rgb: for gray and RGB images whose values lie in 0..255.
        others: for images of other bands, and of values beyond (`dataset.clip=false`).
    """

    def __init__(self, *, rgb: Sequence[Any] = (), others: Sequence[Any] = ()) -> None:
        self.rgb = tuple(rgb)
        self.others = tuple(others)


def chosen_transforms(transforms: Sequence[Any], decoding: ImageDecoding) -> list[Any]:
    """Return transforms with those of each `ByChannels` in its place."""
    for_rgb = is_rgb(decoding) and decoding.clip
    return [
        each
        for transform in transforms
        for each in (
            (transform.rgb if for_rgb else transform.others)
            if isinstance(transform, ByChannels)
            else (transform,)
        )
    ]


def is_rgb(decoding: ImageDecoding) -> bool:
    """Return whether images are gray or RGB, as far as names of bands tell."""
    bands = decoding.bands or ()
    names = {band.lower() for band in bands if isinstance(band, str)}
    named_otherwise = len(bands) > 1 and bool(names) and not names >= _COLORS
    return decoding.channels == RGB_CHANNELS and not named_otherwise
