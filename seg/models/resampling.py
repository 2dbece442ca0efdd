"""Bilinear resizes as products with small matrices, of which any part can be had by itself."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor


@dataclass(frozen=True)
class Axis:
    """How the pixels of one side of a picture are made of coarse values.

    Pixel `p` lies at `slope * p + offset` among them; beyond the outermost, these go on.

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
    def of_resize(cls, coarse: int, grid: int, kept: int, *, align_corners: bool) -> "Axis":
        """`functional.interpolate` from `coarse` to `grid`, of which the first `kept` are covered.

        With aligned corners the outer pixels of both sizes coincide, else their outer edges.
        """
        if align_corners:
            return cls(0, kept, coarse, (coarse - 1) / (grid - 1) if grid > 1 else 0.0, 0.0)
        slope = coarse / grid
        return cls(0, kept, coarse, slope, (slope - 1) / 2)

    def places(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """The coarse value at or before each pixel, and how far from it to the next one it lies.

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
        """The coarse values that pixels are made of, and their weights, values x pixels.

        Args:
            start, stop: covered pixels.
            dtype, device: of the weights.
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
