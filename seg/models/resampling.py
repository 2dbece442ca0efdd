"""Bilinear resizes as products with small matrices, any part of which can be computed by itself."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor


@dataclass(frozen=True)
class Axis:
    """Positions of the pixels of one side of an image among coarse values.

    Pixel `p` lies at `slope * p + offset`; beyond the outermost values, these continue.

    Attributes:
        start, stop: the pixels that are covered.
        coarse: number of coarse values.
        slope, offset: of a pixel's place among them.
    """

    start: int
    stop: int
    coarse: int
    slope: float
    offset: float

    @classmethod
    def of_resize(cls, coarse: int, grid: int, cropped: int, *, align_corners: bool) -> "Axis":
        """Describe `functional.interpolate` from `coarse` to `grid`, of which `cropped` are used.

        With aligned corners the outer pixels of both sizes coincide, else their outer edges.
        """
        if align_corners:
            return cls(0, cropped, coarse, (coarse - 1) / (grid - 1) if grid > 1 else 0.0, 0.0)
        slope = coarse / grid
        return cls(0, cropped, coarse, slope, (slope - 1) / 2)

    def places(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Return the coarse value at or before each pixel, and its distance from it.

        Returns:
            int64 and float64, 0 to below 1; 0 at the last value.
        """
        pixels = torch.arange(start, stop, dtype=torch.float64)
        place = (pixels * self.slope + self.offset).clamp(0, self.coarse - 1)
        low = place.floor().long()
        return low, place - low

    def weights(
        self, start: int, stop: int, *, dtype: torch.dtype, device: torch.device
    ) -> tuple[slice, Tensor]:
        """Return the coarse values of some pixels, and their weights, values x pixels.

        Args:
            start: first pixel.
            stop: the pixel after the last.
            dtype: of the weights.
            device: of the weights.
        """
        return _weights(self, start, stop, dtype, device)


@lru_cache(maxsize=1024)
def _weights(
    axis: Axis, start: int, stop: int, dtype: torch.dtype, device: torch.device
) -> tuple[slice, Tensor]:
    low, share = axis.places(start, stop)
    high = (low + 1).clamp(max=axis.coarse - 1)
    first, last = int(low[0].minimum(low[-1])), int(high.amax())
    index = torch.arange(stop - start)
    weight = torch.zeros(last + 1 - first, stop - start, dtype=torch.float64)
    weight[low - first, index] = 1 - share
    weight[high - first, index] += share
    return slice(first, last + 1), weight.to(device, dtype)
