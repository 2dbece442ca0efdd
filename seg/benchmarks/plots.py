"""Plots of tables: a bar for each way, by its speed over the first one's; curves by size."""

from collections.abc import Mapping
from math import log
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from seg.benchmarks.timing import Timing

_ROW_PX, _BAR_PX, _TEXT_PX, _LENGTH_PX, _MARGIN_PX = 30, 18, 420, 460, 16
_INK, _OTHER, _OURS = "#222222", "#9aa3ad", "#2563eb"


def write_bars(path: Path, timings: Mapping[str, Timing]) -> None:
    """Write a PNG of bars; ways of this project, named `seg...`, stand out."""
    first = next(iter(timings.values()))
    speeds = {name: first.median_s / timing.median_s for name, timing in timings.items()}
    width = _MARGIN_PX + _TEXT_PX + _LENGTH_PX + 8 * _MARGIN_PX
    image = Image.new("RGB", (width, _ROW_PX * len(speeds) + 2 * _MARGIN_PX), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(15)
    scale = _LENGTH_PX / max(speeds.values())
    for index, (name, speed) in enumerate(speeds.items()):
        top, left = _MARGIN_PX + index * _ROW_PX, _MARGIN_PX + _TEXT_PX
        color = _OURS if name.startswith("seg") else _OTHER
        bar = (left, top, left + speed * scale, top + _BAR_PX)
        draw.text((left - 10, top + _BAR_PX / 2), name, _INK, font, anchor="rm")
        draw.rectangle(bar, fill=color)
        draw.text((bar[2] + 8, top + _BAR_PX / 2), f"{speed:.2f}x", _INK, font, anchor="lm")
    image.save(path)


def write_curves(path: Path, peaks: Mapping[str, Mapping[int, float]]) -> None:
    """Write a PNG of one panel a command: MiB from 0 on, over the logarithm of a size."""
    image = Image.new("RGB", (2 * _MARGIN_PX + len(peaks) * _LENGTH_PX, _BAR_PX * 20), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    for index, (name, curve) in enumerate(peaks.items()):
        left, right = (_MARGIN_PX + index * _LENGTH_PX + part for part in (60, _LENGTH_PX - 60))
        top, bottom = 60, image.height - 50
        draw.text((left, 20), f"{name}: MiB at the peak", _INK, font, anchor="lm")
        draw.line((left, top, left, bottom, right, bottom), _OTHER)
        sizes, most = list(curve), 1.2 * max(curve.values())
        span = log(sizes[-1] / sizes[0]) or 1.0
        points = [
            (
                left + (right - left) * log(size / sizes[0]) / span,
                bottom - (bottom - top) * mib / most,
            )
            for size, mib in curve.items()
        ]
        draw.line(points, _OURS, 2)
        for (x, y), (size, mib) in zip(points, curve.items(), strict=True):
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), _OURS)
            draw.text((x, y - 14), f"{mib:.0f}", _INK, font, anchor="mm")
            text = f"{size / 1e6:.1f} Mpx" if name.startswith("prediction") else str(size)
            draw.text((x, bottom + 16), text, _INK, font, anchor="mm")
    image.save(path)
