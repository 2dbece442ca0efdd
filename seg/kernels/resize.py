"""The geometry of bilinear resizes: between which coarse values each pixel of an image lies.

Compiled loops take it as arrays of positions, PyTorch's own operators as products with small
matrices; any part of an image can be computed by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

_CACHED_BYTES = 300_000  # fits the level-2 cache; larger blocks have fewer starts
_BUFFERS_BYTES = 20  # a class and pixel
_LEAST, _VECTORS = 128, 32
Positions = tuple[NDArray[np.int64], NDArray[np.float32]]
"""`low` and `share` of pixels: each is `(1 - share) * value[low] + share * value[low + 1]`."""
Part = tuple[slice, Tensor]
"""The coarse values that some pixels are made of, and their weights, values x pixels."""


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

    def places(self, pixels: slice) -> tuple[Tensor, Tensor]:
        """Return the coarse value at or before each pixel, and its distance from it.

        Returns:
            int64 and float64, 0 to below 1; 0 at the last value.
        """
        pixel = torch.arange(pixels.start, pixels.stop, dtype=torch.float64)
        place = (pixel * self.slope + self.offset).clamp(0, self.coarse - 1)
        low = place.floor().long()
        return low, place - low

    def positions(self, pixels: slice) -> Positions:
        """Return `places` as arrays for compiled loops."""
        low, share = self.places(pixels)
        return low.numpy(), share.float().numpy()

    def blocks(self, pixels: slice, classes: int) -> tuple[Positions, int]:
        """Return positions, and the pixels that a loop over some classes takes at once.

        Blocks are whole vectors, their buffers fit the caches, and the last pixel is repeated up
        to whole blocks: all loops have one length.
        """
        width = pixels.stop - pixels.start
        most = max(_LEAST, _CACHED_BYTES // (_BUFFERS_BYTES * classes))
        block = ceil(ceil(width / ceil(width / most)) / _VECTORS) * _VECTORS
        low, share = self.positions(pixels)
        lacking = (0, -width % block)
        return (np.pad(low, lacking, "edge"), np.pad(share, lacking, "edge")), block

    def coarse_px(self, device: torch.device) -> Tensor:
        """Return where the coarse values lie, in pixels, float32."""
        index = torch.arange(self.coarse, dtype=torch.float32, device=device)
        return (index - self.offset) / (self.slope or 1.0)

    def sources(self, pixels: slice) -> slice:
        """Return the coarse values that some pixels are made of."""
        low, _ = self.places(pixels)
        return slice(int(low.amin()), min(int(low.amax()) + 1, self.coarse - 1) + 1)

    def weights(self, pixels: slice, *, dtype: torch.dtype, device: torch.device) -> Part:
        """Return the coarse values of some pixels, and their weights of a type on a device."""
        return _weights(self, pixels.start, pixels.stop, dtype, device)


def first_pixels(low: NDArray[np.int64], coarse: int) -> NDArray[np.int64]:
    """Return the first pixel at or beyond each coarse value, and last the number of pixels.

    Args:
        low: of all pixels of a side, rising.
        coarse: number of coarse values.
    """
    return np.searchsorted(low, np.arange(coarse + 1))


@lru_cache(maxsize=128)  # more than the tiles of a row: with ever new sizes it is always full
@torch.inference_mode(mode=False)  # what inference has cached may be needed in training
def _weights(axis: Axis, start: int, stop: int, dtype: torch.dtype, device: torch.device) -> Part:
    low, share = axis.places(slice(start, stop))
    high = (low + 1).clamp(max=axis.coarse - 1)
    sources = axis.sources(slice(start, stop))
    index = torch.arange(stop - start)
    weight = torch.zeros(sources.stop - sources.start, stop - start, dtype=torch.float64)
    weight[low - sources.start, index] = 1 - share
    weight[high - sources.start, index] += share
    return sources, weight.to(device, dtype)


def resize_part(coarse_hKw: Tensor, rows: Part, columns: Part) -> Tensor:
    """Return some pixels, H x K x W, of the type of the weights."""
    (coarse_rows, weight_hH), (coarse_columns, weight_wW) = rows, columns
    wide_hKW = coarse_hKw[coarse_rows, :, coarse_columns].to(weight_wW.dtype) @ weight_wW
    return (weight_hH.T @ wide_hKW.flatten(1)).view(-1, *wide_hKW.shape[1:])


@dataclass(frozen=True)
class Resize:
    """A bilinear resize, of which the top left corner is kept.

    Attributes:
        grid: height and width to which a map is resized, pixels.
        cropped: height and width of the corner that is kept, pixels.
        align_corners: whether the corner pixels of both sizes coincide.
    """

    grid: tuple[int, int]
    cropped: tuple[int, int]
    align_corners: bool

    def __call__(self, x_BKhw: Tensor) -> Tensor:
        """Resize and crop B x K x h x w to B x K x H x W."""
        height, width = self.cropped
        resized = functional.interpolate(
            x_BKhw, size=self.grid, mode="bilinear", align_corners=self.align_corners
        )
        return resized[..., :height, :width]

    def axes(self, coarse_hw: Sequence[int]) -> tuple[Axis, Axis]:
        """Return the positions of the rows, and those of the columns, in a map of a size."""
        rows, columns = (
            Axis.of_resize(*sizes, align_corners=self.align_corners)
            for sizes in zip(coarse_hw, self.grid, self.cropped, strict=True)
        )
        return rows, columns
