"""The camera: projects points of the street into the image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

NEAREST_M = 0.9

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]


@dataclass(frozen=True)
class Camera:
    """A pinhole above the road that looks along it; metres in, pixels out.

    A point is (across, up, ahead). `across` follows the road: in a bend, the road's frame moves by
    `bend * ahead^2` metres to the right. Only + - * / and floor are used, which IEEE 754 fixes.
    """

    width_px: int
    focal_px: float
    center_px: float
    horizon_px: float
    up_m: float
    bend: float

    def column(self, across: float, ahead: float) -> float:
        """Return the image column of a point, px."""
        ahead = max(ahead, NEAREST_M)
        return self.center_px + self.focal_px * (across + self.bend * ahead * ahead) / ahead

    def row(self, up: float, ahead: float) -> float:
        """Return the image row of a point, px."""
        return self.horizon_px + self.focal_px * (self.up_m - up) / max(ahead, NEAREST_M)

    def project(self, points: ArrayLike) -> Ints:
        """Project points in metres, (..., 3), to whole pixels (column, row), (..., 2)."""
        points = np.asarray(points, np.float64)
        ahead = np.maximum(points[..., 2], NEAREST_M)
        scale = self.focal_px / ahead
        across = points[..., 0]
        if self.bend:
            across = across + self.bend * ahead * ahead
        pixels = np.empty((*ahead.shape, 2), np.float64)
        np.multiply(across, scale, out=pixels[..., 0])
        np.multiply(self.up_m - points[..., 1], scale, out=pixels[..., 1])
        pixels += (self.center_px + 0.5, self.horizon_px + 0.5)
        return np.floor(pixels, out=pixels).astype(np.int32)

    def first_ahead(self, across: float) -> float:
        """Return how far ahead an object at `across` metres enters the image, metres."""
        return self.focal_px * abs(across) / (self.width_px / 2)
