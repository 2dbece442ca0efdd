"""Shapes as masks: a pixel belongs to a shape that contains its centre."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int]
"""Width and height, in px."""

_BLOCK = 2**18  # pixels of an ellipse that are looked at together; each needs some 40 bytes
_CORNER_COST = 512  # of a corner, and of an edge in a row; it needs some 100 bytes meanwhile


@dataclass(frozen=True)
class Part:
    """The part of an image that a shape lies in.

    Attributes:
        top, left: its first row and column.
        mask_HW: bool, the pixels of the shape in it.
    """

    top: int
    left: int
    mask_HW: NDArray[np.bool_]

    def paint(self, label_HW: NDArray[np.int32], id_: int) -> None:
        """Give the pixels of the shape an id."""
        rows, columns = self.mask_HW.shape
        label_HW[self.top : self.top + rows, self.left : self.left + columns][self.mask_HW] = id_


def fill_polygon(corners_N2: NDArray[np.float64], size: Size, *, nonzero: bool = False) -> Part:
    """Fill a polygon.

    Args:
        corners_N2: x and y of each corner in px; the first pixel's centre is (0.5, 0.5). Of centres
            on an edge those at the left and upper sides belong to the polygon.
        size: of the image.
        nonzero: what the polygon winds around twice is inside, as canvases of browsers have it;
            else outside (the even-odd rule).
    """
    top, bottom = _pixels(corners_N2[:, 1], size[1])
    left, right = _pixels(corners_N2[:, 0], size[0])
    edges_HW = np.zeros((bottom - top, right - left + 1), np.uint8)
    start_N2, end_N2 = corners_N2, np.roll(corners_N2, -1, axis=0)
    falls = start_N2[:, 1] <= end_N2[:, 1]
    upper_N2 = np.where(falls[:, None], start_N2, end_N2)
    lower_N2 = np.where(falls[:, None], end_N2, start_N2)
    first_N = np.clip(np.ceil(upper_N2[:, 1] - 0.5), top, bottom).astype(np.int64)
    past_N = np.clip(np.ceil(lower_N2[:, 1] - 0.5), top, bottom).astype(np.int64)
    counts_N = past_N - first_N
    edge_M = np.repeat(np.arange(len(counts_N)), counts_N)  # of each crossing of an edge and a row
    started_N = np.cumsum(counts_N) - counts_N
    row_M = np.arange(len(edge_M)) - started_N[edge_M] + first_N[edge_M]
    (x0_M, y0_M), (x1_M, y1_M) = upper_N2[edge_M].T, lower_N2[edge_M].T
    crossing_M = x0_M + (row_M + 0.5 - y0_M) * (x1_M - x0_M) / (y1_M - y0_M)
    column_M = np.clip(np.ceil(crossing_M - 0.5), left, right).astype(np.int64)
    if nonzero:
        turns_HW = np.zeros(edges_HW.shape, np.int32)
        np.add.at(turns_HW, (row_M - top, column_M - left), np.where(falls, 1, -1)[edge_M])
        np.cumsum(turns_HW, axis=1, out=turns_HW)
        return Part(top, left, turns_HW[:, :-1] != 0)
    np.bitwise_xor.at(edges_HW, (row_M - top, column_M - left), 1)
    inside_HW = np.bitwise_xor.accumulate(edges_HW, axis=1)[:, :-1]
    return Part(top, left, inside_HW.astype(np.bool_))


def polygon_cost(corners_N2: NDArray[np.float64], size: Size) -> int:
    """Return what `fill_polygon` costs in time, in pixels that are filled."""
    top, bottom = _pixels(corners_N2[:, 1], size[1])
    left, right = _pixels(corners_N2[:, 0], size[0])
    y_N = np.clip(corners_N2[:, 1], top, bottom)
    crossings = float(np.abs(y_N - np.roll(y_N, 1)).sum())
    pixels = (bottom - top) * (right - left)
    return _CORNER_COST * (len(corners_N2) + round(crossings)) + pixels


def fill_ellipse(
    center: tuple[float, float], radii: tuple[float, float], angle: float, size: Size
) -> Part:
    """Fill an ellipse.

    Args:
        center: x and y in px; the first pixel's centre is (0.5, 0.5).
        radii: in px, above 0, of the axis along x and of the one along y before it is turned.
        angle: by which it is turned clockwise around its centre, in radians.
        size: of the image.
    """
    (x, y), (radius_x, radius_y) = center, radii
    cosine, sine = math.cos(angle), math.sin(angle)
    reach_x = math.hypot(radius_x * cosine, radius_y * sine)
    reach_y = math.hypot(radius_x * sine, radius_y * cosine)
    # One more pixel than the bounds: they are rounded.
    left, right = _pixels(np.array([x - reach_x - 1, x + reach_x + 1]), size[0])
    top, bottom = _pixels(np.array([y - reach_y - 1, y + reach_y + 1]), size[1])
    mask_HW = np.zeros((bottom - top, right - left), np.bool_)
    dx_1W = (np.arange(left, right) + 0.5 - x)[None, :]
    rows = max(_BLOCK // max(right - left, 1), 1)
    for start in range(top, bottom, rows):
        dy_H1 = (np.arange(start, min(start + rows, bottom)) + 0.5 - y)[:, None]
        along_HW = (dx_1W * cosine + dy_H1 * sine) / radius_x
        across_HW = (dy_H1 * cosine - dx_1W * sine) / radius_y
        mask_HW[start - top : start - top + rows] = along_HW**2 + across_HW**2 <= 1
    return Part(top, left, mask_HW)


def _pixels(values: NDArray[np.float64], length: int) -> tuple[int, int]:
    """Return the first pixel whose centre lies between values, and the one past the last."""
    first, past = np.clip(np.ceil(np.array([values.min(), values.max()]) - 0.5), 0, length)
    return int(first), int(past)
