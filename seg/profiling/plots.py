"""Plots of the cost of networks."""

import math
from collections.abc import Mapping, Sequence
from itertools import product

from PIL import Image, ImageDraw, ImageFont

from seg.profiling.encoders import Classification

_INK, _FAINT, _GRID = "#1d2330", "#6b7280", "#e5e7eb"
_OURS, _OTHERS, _FULL = "#2563eb", "#9ca3af", "#cbd5e1"
_WIDTH, _MARGIN = 960, 28
Bars = Mapping[str, tuple[float, float | None]]
_Box = tuple[float, float, float, float]


def bars(title: str, groups: Mapping[str, Bars]) -> Image.Image:
    """Draw horizontal bars, each beside a lighter one of what it is compared with.

    Args:
        title: above all.
        groups: heading -> name -> (value, what it is compared with); a scale for each group.
    """
    row_px, head_px = 26, 40
    height = 64 + sum(head_px + row_px * len(each) for each in groups.values()) + _MARGIN
    image = Image.new("RGB", (_WIDTH, height), "white")
    draw = ImageDraw.Draw(image)
    font, large = ImageFont.load_default(14), ImageFont.load_default(20)
    draw.text((_MARGIN, 18), title, _INK, large)
    top, left, room = 64, 220, _WIDTH - 220 - 190
    for heading, rows in groups.items():
        draw.text((_MARGIN, top + 10), heading, _FAINT, font)
        top += head_px
        most = max(max(value, other or 0) for value, other in rows.values()) or 1
        for name, (value, other) in rows.items():
            draw.text((left - 10, top + 10), name, _INK, font, anchor="rm")
            text = f"{value:.3g}"
            if other is not None:
                draw.rectangle((left, top + 12, left + room * other / most, top + 20), _FULL)
                text += f"   ({other:.3g})"
            draw.rectangle((left, top + 2, left + room * value / most, top + 10), _OURS)
            end = left + room * max(value, other or 0) / most
            draw.text((end + 8, top + 11), text, _INK, font, anchor="lm")
            top += row_px
    return image


def accuracy_against_cost(networks: Sequence[Classification]) -> Image.Image:
    """Draw accuracy over multiply-adds, these on a logarithmic scale."""
    return _Plot([each for each in networks if each.top1_percent is not None]).draw()


class _Plot:
    def __init__(self, points: Sequence[Classification]) -> None:
        self._points = points
        self._image = Image.new("RGB", (_WIDTH, 640), "white")
        self._draw = ImageDraw.Draw(self._image)
        self._font = ImageFont.load_default(13)
        self._box = (70, 70, _WIDTH - 40, 570)
        costs = [each.multiply_adds / 1e9 for each in points]
        tops = [each.top1_percent or 0 for each in points]
        self._costs = (math.log2(min(costs)) - 0.3, math.log2(max(costs)) + 0.5)
        self._tops = (math.floor(min(tops)) - 1, math.ceil(max(tops)) + 1)

    def draw(self) -> Image.Image:
        title = "ImageNet top-1 (%) against multiply-adds of one image (G)"
        self._draw.text((_MARGIN, 20), title, _INK, ImageFont.load_default(20))
        self._grid()
        taken = [self._disc(each) for each in self._points]
        for each in sorted(self._points, key=lambda point: -(point.top1_percent or 0)):
            self._point(each, taken)
        return self._image

    def _grid(self) -> None:
        left, top, right, bottom = self._box
        for percent in range(self._tops[0], self._tops[1] + 1, 2):
            y = self._y(percent)
            self._draw.line((left, y, right, y), _GRID)
            self._draw.text((left - 8, y), str(percent), _FAINT, self._font, anchor="rm")
        for power in range(math.ceil(self._costs[0]), math.floor(self._costs[1]) + 1):
            x = self._x(2.0**power)
            self._draw.line((x, top, x, bottom), _GRID)
            self._draw.text((x, bottom + 8), f"{2**power:g}", _FAINT, self._font, anchor="mt")

    def _point(self, each: Classification, taken: list[_Box]) -> None:
        disc = self._disc(each)
        x, y, radius = (disc[0] + disc[2]) / 2, (disc[1] + disc[3]) / 2, (disc[2] - disc[0]) / 2
        self._draw.ellipse(disc, _OURS if "xception" in each.name else _OTHERS, "white")
        width = self._font.getlength(each.name)
        for side, shift in product((1, -1), (0, -14, 14, -28, 28)):
            start = x + side * (radius + 5)
            left = start if side > 0 else start - width
            box = (left, y + shift - 7, left + width, y + shift + 7)
            if box[2] < _WIDTH and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                self._draw.text((left, y + shift), each.name, _INK, self._font, anchor="lm")
                return

    def _disc(self, each: Classification) -> _Box:
        """Return the box of a disc whose area grows with the parameters."""
        x, y = self._x(each.multiply_adds / 1e9), self._y(each.top1_percent or 0)
        radius = 3 + math.sqrt(each.parameters / 1e6) / 2
        return x - radius, y - radius, x + radius, y + radius

    def _x(self, cost: float) -> float:
        low, high = self._costs
        return self._box[0] + (math.log2(cost) - low) / (high - low) * (self._box[2] - self._box[0])

    def _y(self, percent: float) -> float:
        low, high = self._tops
        return self._box[3] - (percent - low) / (high - low) * (self._box[3] - self._box[1])


def _overlap(a: _Box, b: _Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
