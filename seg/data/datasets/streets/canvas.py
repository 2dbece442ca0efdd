"""The image while it is painted: one map of part numbers, so that image and label agree."""

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.data.datasets.streets.texture import Texture

Color = tuple[int, int, int]
Polygon = NDArray[np.int32]
Mask = NDArray[np.bool_]

SKY_AHEAD_M = 1e6
"""Whatever is painted at this distance looks like the sky."""


class Canvas:
    """Parts painted over each other, far to near.

    A part is a color, a label, a texture and a distance. `parts_HW` says which part each pixel
    shows; color and label are read from the same number, hence exact to the pixel.

    Of OpenCV's drawing only `fillConvexPoly` and lines of one pixel are used: `fillPoly` and thick
    lines cover other pixels in version 4.10 than in version 5.0.
    """

    def __init__(self, height: int, width: int, sky_label: int) -> None:
        self.parts_HW = np.zeros((height, width), np.uint16)
        self.shade_HW = np.full((height, width), 256, np.uint16)
        self.colors: list[Color] = []
        self.labels: list[int] = []
        self.textures: list[int] = []
        self.aheads: list[float] = []
        self.ground: list[bool] = []
        self.glows: list[bool] = []
        self.part((0, 0, 0), sky_label, SKY_AHEAD_M)

    def part(
        self,
        color: Color,
        label: int,
        ahead: float,
        *,
        texture: Texture = Texture.FLAT,
        ground: bool = False,
        glow: bool = False,
    ) -> int:
        """Register a part, `ahead` metres away; `ground` lies flat, `glow` shines by itself."""
        self.colors.append(color)
        self.labels.append(label)
        self.textures.append(int(texture))
        self.aheads.append(ahead)
        self.ground.append(ground)
        self.glows.append(glow)
        return len(self.colors) - 1

    def fill(self, part: int, *polygons: Polygon) -> None:
        """Fill convex polygons, one after the other."""
        for polygon in polygons:
            cv2.fillConvexPoly(self.parts_HW, polygon, part)

    def line(self, part: int, points: Polygon) -> None:
        """Draw a line one pixel wide."""
        cv2.polylines(self.parts_HW, [points], False, part)

    def fill_mask(self, part: int, mask: Mask, top: int, left: int) -> None:
        """Fill where `mask` is true; its corner stands at (top, left) inside the image."""
        height, width = mask.shape
        self.parts_HW[top : top + height, left : left + width][mask] = part

    def shadow(self, brightness: int, *polygons: Polygon) -> None:
        """Darken the ground under convex polygons; 256 is no shadow, shadows do not add up."""
        for polygon in polygons:
            cv2.fillConvexPoly(self.shade_HW, polygon, brightness)

    def relabel(self, label: int, polygon: Polygon) -> None:
        """Give the pixels seen through `polygon` (a fence, a wheel) another label, same look."""
        left, top = np.maximum(polygon.min(axis=0), 0)
        right, bottom = polygon.max(axis=0) + 1
        window = self.parts_HW[top:bottom, left:right]
        if window.size == 0:
            return
        mask = np.zeros(window.shape, np.uint8)
        cv2.fillConvexPoly(mask, polygon - np.array([left, top], np.int32), 1)
        inside = mask.astype(bool)
        table = np.arange(len(self.colors), dtype=np.uint16)
        for part in np.flatnonzero(np.bincount(window[inside], minlength=1)).tolist():
            table[part] = self.part(
                self.colors[part],
                label,
                self.aheads[part],
                texture=Texture(self.textures[part]),
                ground=self.ground[part],
                glow=self.glows[part],
            )
        window[inside] = table[window[inside]]
