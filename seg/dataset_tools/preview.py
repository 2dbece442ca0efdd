"""Augmented samples as training sees them, labels drawn over: a contact sheet and a web page."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from seg.data.label_space import LabelSpace
from seg.data.sample import Sample, SegmentationDataset
from seg.data.transforms.pipeline import Augmentation
from seg.errors import ConfigError
from seg.io.atomic import write_atomically
from seg.visualization.grids import legend, overlay, palette_image

_OPACITY = 0.5
_TILE_PX, _GAP_PX, _CAPTION_PX = 360, 8, 20
_PAGE_PX = 1024
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --line: #8885; }}
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 1500px;
 padding: 1.2rem; }}
h1 {{ font-size: 1.3rem; margin: 0 0 .2rem; }}
p {{ margin: 0 0 .8rem; }}
header {{ position: sticky; top: 0; z-index: 1; padding: .5rem 0; background: Canvas;
 max-height: 30vh; overflow: auto; border-bottom: 1px solid var(--line); }}
ul {{ list-style: none; margin: .4rem 0 0; padding: 0; display: flex; flex-wrap: wrap;
 gap: .1rem .9rem; font-size: .85rem; }}
li {{ white-space: nowrap; }}
i {{ display: inline-block; width: .8em; height: .8em; margin-right: .35em;
 border: 1px solid #888; }}
main {{ display: grid; gap: 1.4rem; margin-top: 1.2rem;
 grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr)); }}
figure {{ margin: 0; }}
.pair {{ position: relative; line-height: 0; }}
.pair img {{ width: 100%; height: auto; }}
.pair img + img {{ position: absolute; inset: 0; height: 100%; opacity: var(--opacity, {opacity});
 image-rendering: pixelated; }}
figcaption {{ margin-top: .3rem; overflow-wrap: anywhere; }}
figure input {{ width: 100%; margin: .2rem 0 0; }}
small, .faint {{ opacity: .7; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p class="faint">{subtitle}</p>
<header>
<label>labels <input type="range" min="0" max="1" step="0.01" value="{opacity}" data-all
 aria-label="opacity of all labels"></label>
<ul>
{legend}
</ul>
</header>
<main>
{figures}
</main>
<script>
const show = (slider) => slider.closest("figure").style.setProperty("--opacity", slider.value);
const sliders = document.querySelectorAll("figure input");
sliders.forEach((slider) => slider.addEventListener("input", () => show(slider)));
document.querySelector("[data-all]").addEventListener("input", (event) =>
  sliders.forEach((slider) => {{ slider.value = event.target.value; show(slider); }}));
</script>
</body>
</html>
"""
_FIGURE = """\
<figure>
<div class="pair"><img src="{picture}" width="{width}" height="{height}" alt="{name}"><img
 src="{labels}" alt="labels of {name}"></div>
<input type="range" min="0" max="1" step="0.01" value="{opacity}"
 aria-label="opacity of the labels">
<figcaption><b>{name}</b> <small>{size}</small>
<ul>
{classes}
</ul></figcaption>
</figure>"""


@dataclass(frozen=True)
class _Shown:
    """A sample as one epoch of training sees it; `before` is its size in the file, H x W."""

    sample: Sample
    epoch: int
    before: tuple[int, int]

    @property
    def size(self) -> str:
        height, width = self.sample.label.shape
        changed = (
            "" if self.before == (height, width) else f", from {self.before[1]} x {self.before[0]}"
        )
        epoch = f", epoch {self.epoch}" if self.epoch else ""
        return f"{width} x {height}{changed}{epoch}"


def contact_sheet(
    dataset: SegmentationDataset,
    augmentation: Augmentation | None,
    *,
    count: int,
    columns: int,
    seed: int,
) -> NDArray[np.uint8]:
    """Augmented samples with their labels over them, and a legend of the classes.

    Args:
        dataset: where samples are drawn from; all of them before any comes again, as another epoch
            of training changes it.
        augmentation: what a training with this seed would do to them; None: nothing.
        count: number of samples.
        columns: samples a row.
        seed: of the run: decides which samples, and how they are changed.

    Returns:
        uint8, H x W x 3, RGB.

    Raises:
        ConfigError: a count or a number of columns below 1.
        DataError: a sample cannot be read.
    """
    if columns < 1:
        raise ConfigError(f"columns {columns} must be 1 or more")
    tiles = [_tile(shown, dataset.labels) for shown in _drawn(dataset, augmentation, count, seed)]
    columns = min(columns, len(tiles))
    rows = [tiles[first : first + columns] for first in range(0, len(tiles), columns)]
    heights = [max(tile.height for tile in row) + _GAP_PX for row in rows]
    width = columns * (_TILE_PX + _GAP_PX) + _GAP_PX
    classes = legend(dataset.labels, width)
    sheet = Image.new("RGB", (width, sum(heights) + _GAP_PX + classes.height + 16), "white")
    top = _GAP_PX
    for row, height in zip(rows, heights, strict=True):
        for position, tile in enumerate(row):
            sheet.paste(tile, (_GAP_PX + position * (_TILE_PX + _GAP_PX), top))
        top += height
    sheet.paste(classes, (0, top))
    ImageDraw.Draw(sheet).text((4, top + classes.height), "darkened: ignored pixels", fill="black")
    return np.asarray(sheet)


def write_page(
    path: Path,
    dataset: SegmentationDataset,
    augmentation: Augmentation | None,
    *,
    count: int,
    seed: int,
) -> None:
    """The same samples as one HTML page that needs nothing but itself.

    Args:
        path: the file to write, whole or not at all.
        dataset, augmentation, count, seed: as for `contact_sheet`.

    Raises:
        ConfigError: a count below 1.
        DataError: a sample cannot be read.
    """
    labels = dataset.labels
    figures = [_figure(shown, labels) for shown in _drawn(dataset, augmentation, count, seed)]
    changed = "unchanged" if augmentation is None else f"augmented with seed {seed}"
    page = _PAGE.format(
        title=escape(f"{_kind(dataset)}, split {dataset.split}"),
        subtitle=f"{len(figures)} pictures from {len(dataset)} samples, {changed};"
        " ignored pixels are black",
        opacity=_OPACITY,
        legend="\n".join(_entry(labels, train_id) for train_id in range(labels.num_classes)),
        figures="\n".join(figures),
    )
    write_atomically(path, lambda file: file.write(page.encode()))


def _kind(dataset: Any) -> str:
    """The class of a dataset, behind what it is seen through."""
    while hasattr(dataset, "source"):
        dataset = dataset.source
    return type(dataset).__name__


def _drawn(
    dataset: SegmentationDataset, augmentation: Augmentation | None, count: int, seed: int
) -> Iterator[_Shown]:
    if count < 1:
        raise ConfigError(f"count {count} must be 1 or more")
    order = np.random.default_rng(seed).permutation(len(dataset))
    for position in range(count):
        epoch, place = divmod(position, len(dataset))
        index = int(order[place])
        sample = dataset[index]
        before = (sample.label.shape[0], sample.label.shape[1])
        if augmentation is not None:
            sample = augmentation(sample, (seed, epoch, index))
        yield _Shown(sample, epoch, before)


def _tile(shown: _Shown, labels: LabelSpace) -> Image.Image:
    sample = shown.sample
    picture = overlay(sample.image, sample.label, labels, _OPACITY)
    height = max(1, round(picture.height * _TILE_PX / picture.width))
    smaller = picture.width > _TILE_PX
    method = Image.Resampling.BOX if smaller else Image.Resampling.NEAREST
    tile = Image.new("RGB", (_TILE_PX, height + _CAPTION_PX), "white")
    tile.paste(picture.resize((_TILE_PX, height), method), (0, 0))
    font = ImageFont.load_default(12)
    room_px = _TILE_PX - font.getlength(shown.size) - 12
    draw = ImageDraw.Draw(tile)
    draw.text((0, height + 3), _shortened(sample.name, font, room_px), fill="black", font=font)
    draw.text((_TILE_PX, height + 3), shown.size, fill=(110, 110, 110), font=font, anchor="ra")
    return tile


def _shortened(
    name: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room_px: float
) -> str:
    """The end of a name, which tells samples apart, as much of it as there is room for."""
    shown = name
    while len(shown) > 4 and font.getlength(shown) > room_px:
        shown = f"...{shown.removeprefix('...')[1:]}"
    return shown


def _figure(shown: _Shown, labels: LabelSpace) -> str:
    sample = shown.sample
    picture, label = Image.fromarray(sample.image), palette_image(sample.label, labels)
    scale = min(1.0, _PAGE_PX / max(picture.size))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.BOX)
        label = label.resize(size, Image.Resampling.NEAREST)
    counts = np.bincount(sample.label.ravel(), minlength=256)[: labels.num_classes]
    present = sorted(np.flatnonzero(counts).tolist(), key=lambda train_id: -int(counts[train_id]))
    return _FIGURE.format(
        picture=_embedded(picture, "JPEG", quality=88),
        labels=_embedded(label, "PNG", optimize=True),
        width=size[0],
        height=size[1],
        name=escape(sample.name),
        size=shown.size,
        opacity=_OPACITY,
        classes="\n".join(
            _entry(labels, each, f" {_percent(counts[each] / sample.label.size)}")
            for each in present
        ),
    )


def _entry(labels: LabelSpace, train_id: int, more: str = "") -> str:
    color = "#{:02x}{:02x}{:02x}".format(*labels.palette[train_id])
    name = escape(labels.names[train_id])
    return f'<li><i style="background: {color}"></i>{name}{more}</li>'


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "&lt; 1%"


def _embedded(picture: Image.Image, kind: str, **options: int) -> str:
    content = BytesIO()
    picture.save(content, kind, **options)
    encoded = base64.b64encode(content.getvalue()).decode()
    return f"data:image/{kind.lower()};base64,{encoded}"
