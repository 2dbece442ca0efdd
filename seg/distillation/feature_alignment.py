"""Positions of a coarse map's values on the image, by which maps of two networks are aligned."""

import torch
from torch import Tensor
from torch.nn import functional

from seg.kernels.resize import Axis

Grid = tuple[Axis, Axis]
"""The image's rows and columns, padding included, among the values of a map: `Resize.axes`."""


def resampled(values_BChw: Tensor, own: Grid, other: Grid) -> Tensor:
    """Resample a map bilinearly at the positions of another grid over the same image.

    Beyond the outer values, these continue.

    Returns:
        B x C x rows x columns of `other`.
    """
    if own == other:
        return values_BChw
    unit = []
    for axis, target in zip(own, other, strict=True):
        index = target.coarse_px(values_BChw.device) * axis.slope + axis.offset
        # -1 and 1 are the outer edges of the outer values, as `align_corners=False` has it
        unit.append((2 * index + 1) / axis.coarse - 1)
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
    nearest = [axis.coarse_px(label_BHW.device).round().long() for axis in grid]
    rows, columns = (index.clamp(0, side - 1) for index, side in zip(nearest, sides, strict=True))
    inside_hw = (nearest[0] < sides[0])[:, None] & (nearest[1] < sides[1])
    return label_BHW[:, rows][:, :, columns].masked_fill(~inside_hw, ignore_index)


def spread(label_Bhw: Tensor, grid: Grid, size: tuple[int, int]) -> Tensor:
    """Resize labels on a grid to the pixels, each with that of the nearest position.

    Args:
        label_Bhw: B x rows x columns of `grid`.
        grid: positions of the labels.
        size: height and width of the image without padding.

    Returns:
        B x height x width, of the labels' type.
    """
    indices = []
    for axis, side in zip(grid, size, strict=True):
        pixel = torch.arange(side, dtype=torch.float32, device=label_Bhw.device)
        index = pixel * axis.slope + axis.offset
        indices.append(index.round().long().clamp(0, axis.coarse - 1))
    return label_Bhw[:, indices[0]][:, :, indices[1]]
