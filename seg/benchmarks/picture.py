"""A picture of a table: one bar a way, its length how many times as fast it is as the first."""

from collections.abc import Mapping
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from seg.benchmarks.timing import Timing

_ROW_PX, _BAR_PX, _TEXT_PX, _LENGTH_PX, _MARGIN_PX = 30, 18, 420, 460, 16
_INK, _OTHER, _OURS = "#222222", "#9aa3ad", "#2563eb"


def write_bars(path: Path, timings: Mapping[str, Timing]) -> None:
    """A PNG; ways of this project, named `seg...`, stand out."""
    first = next(iter(timings.values()))
    speeds = {name: first.median_s / timing.median_s for name, timing in timings.items()}
    width = _MARGIN_PX + _TEXT_PX + _LENGTH_PX + 8 * _MARGIN_PX
    picture = Image.new("RGB", (width, _ROW_PX * len(speeds) + 2 * _MARGIN_PX), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(15)
    scale = _LENGTH_PX / max(speeds.values())
    for index, (name, speed) in enumerate(speeds.items()):
        top, left = _MARGIN_PX + index * _ROW_PX, _MARGIN_PX + _TEXT_PX
        color = _OURS if name.startswith("seg") else _OTHER
        bar = (left, top, left + speed * scale, top + _BAR_PX)
        draw.text((left - 10, top + _BAR_PX / 2), name, _INK, font, anchor="rm")
        draw.rectangle(bar, fill=color)
        draw.text((bar[2] + 8, top + _BAR_PX / 2), f"{speed:.2f}x", _INK, font, anchor="lm")
    picture.save(path)
