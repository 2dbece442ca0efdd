"""Positions of the windows of an image."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import ceil

import numpy as np

from seg.inference.fusion import BlendWeights
from seg.kernels.resize import Axis

_SIGMA_SHARE = 1 / 8  # of the window: Isensee et al., Nature Methods 2021, nnU-Net


@dataclass(frozen=True)
class Window1D:
    """A window's extent along one side of a scaled image.

    Attributes:
        start, stop: pixels of the scaled image.
        scaled, length: of the scaled image and of the image itself, in pixels.
        align_corners: whether the outer pixels of both coincide, else their outer edges.
    """

    start: int
    stop: int
    scaled: int
    length: int
    align_corners: bool

    @property
    def _scaling(self) -> Axis:
        """Map the image's pixels to those of the scaled image."""
        return Axis.of_resize(
            self.scaled, self.length, self.length, align_corners=self.align_corners
        )

    @cached_property
    def covered(self) -> slice:
        """Return the pixels of the image that lie over the window."""
        places = np.arange(self.length) * self._scaling.slope + self._scaling.offset
        first, last = np.searchsorted(places, (self.start - 0.5, self.stop - 0.5))
        return slice(int(first), int(last))

    def axis(self, logits: Axis, *, flipped: bool) -> Axis:
        """Return the image's pixels among the coarse logits of the window.

        Args:
            logits: the window's pixels among them.
            flipped: whether the network has seen the window mirrored.
        """
        slope, offset = self._scaling.slope, self._scaling.offset - self.start
        if flipped:
            slope, offset = -slope, self.stop - self.start - 1 - offset
        return Axis(
            self.covered.start,
            self.covered.stop,
            logits.coarse,
            logits.slope * slope,
            logits.slope * offset + logits.offset,
        )

    def fade(self, *, gaussian: bool) -> BlendWeights:
        """Return the blending weights of the window along this side."""
        slope, offset = self._scaling.slope or 1.0, self._scaling.offset
        middle = ((self.start + self.stop - 1) / 2 - offset) / slope
        sigma = (self.stop - self.start) * _SIGMA_SHARE / slope
        return BlendWeights(middle, sigma if gaussian else None)


def windows_1d(
    length: int, scaled: int, window: int | None, overlap: float, *, align_corners: bool
) -> Iterator[Window1D]:
    """Yield evenly spaced windows along one side, the outermost flush with the image.

    Args:
        length: of the image, in pixels.
        scaled: of the scaled image, in pixels.
        window: of each, in pixels of the scaled image; None: all of it.
        overlap: at least this share of a window lies in the next one.
        align_corners: how the image is scaled.
    """
    span = scaled if window is None else min(window, scaled)
    steps = ceil((scaled - span) / max(1, int(span * (1 - overlap))))
    for step in range(steps + 1):
        start = round(step * (scaled - span) / steps) if steps else 0
        yield Window1D(start, start + span, scaled, length, align_corners)


def scaled_length(length: int, scale: float, *, align_corners: bool) -> int:
    """Scale a side, px; with aligned corners the distance of the outer pixels is scaled."""
    if align_corners:
        return max(1, int((length - 1) * scale + 1))
    return max(1, round(length * scale))
