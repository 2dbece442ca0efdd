"""Positions of a coarse map's values on the image, by which maps of two networks are aligned."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Grid:
    """Positions of a map's values, in pixels from the centre of the first pixel.

    Attributes:
        extent_px: height and width of the image that the map was computed from, padding included.
        size: rows and columns of the map.
        align_corners: the outer values lie on the outer pixels; otherwise each value lies in the
            middle of the pixels that it stands for.
    """

    extent_px: tuple[int, int]
    size: tuple[int, int]
    align_corners: bool

    def positions_px(self, axis: int, device: torch.device) -> Tensor:
        """Return the positions of the rows (axis 0) or columns (axis 1), float32."""
        extent, count = self.extent_px[axis], self.size[axis]
        index = torch.arange(count, dtype=torch.float32, device=device)
        if self.align_corners:
            return index * (max(extent - 1, 1) / max(count - 1, 1))
        return (index + 0.5) * (extent / count) - 0.5

    def indices(self, axis: int, positions_px: Tensor) -> Tensor:
        """Return the fractional row or column numbers of positions."""
        extent, count = self.extent_px[axis], self.size[axis]
        if self.align_corners:
            return positions_px * (max(count - 1, 1) / max(extent - 1, 1))
        return (positions_px + 0.5) * (count / extent) - 0.5


def resampled(values_BChw: Tensor, own: Grid, other: Grid) -> Tensor:
    """Resample a map bilinearly at the positions of another grid over the same image.

    Beyond the outer values, these continue.

    Returns:
        B x C x rows x columns of `other`.
    """
    if own == other:
        return values_BChw
    device = values_BChw.device
    unit = []
    for axis in (0, 1):
        index = own.indices(axis, other.positions_px(axis, device))
        # -1 and 1 are the outer edges of the outer values, as `align_corners=False` has it
        unit.append((2 * index + 1) / own.size[axis] - 1)
    rows, columns = torch.meshgrid(*unit, indexing="ij")
    points_BhwX = torch.stack((columns, rows), -1).expand(len(values_BChw), -1, -1, -1)
    return functional.grid_sample(
        values_BChw, points_BhwX.to(values_BChw), padding_mode="border", align_corners=False
    )


def labels_at(label_BHW: Tensor, grid: Grid, ignore_index: int) -> Tensor:
    """Return the labels of the pixels nearest to a grid's positions; ignored beyond the image.

    Returns:
        B x rows x columns, of the labels' type.
    """
    sides = label_BHW.shape[1:]
    nearest = [grid.positions_px(axis, label_BHW.device).round().long() for axis in (0, 1)]
    rows, columns = (index.clamp(0, side - 1) for index, side in zip(nearest, sides, strict=True))
    inside_hw = (nearest[0] < sides[0])[:, None] & (nearest[1] < sides[1])
    return label_BHW[:, rows][:, :, columns].masked_fill(~inside_hw, ignore_index)


def spread(label_Bhw: Tensor, grid: Grid, size: tuple[int, int]) -> Tensor:
    """Resize labels on a grid to the pixels, each with that of the nearest position.

    Args:
        label_Bhw: B x rows x columns of `grid`.
        grid: positions of the labels.
        size: height and width of the image, at most `grid.extent_px`.

    Returns:
        B x height x width, of the labels' type.
    """
    indices = []
    for axis in (0, 1):
        pixels = torch.arange(size[axis], dtype=torch.float32, device=label_Bhw.device)
        indices.append(grid.indices(axis, pixels).round().long().clamp(0, grid.size[axis] - 1))
    return label_Bhw[:, indices[0]][:, :, indices[1]]
