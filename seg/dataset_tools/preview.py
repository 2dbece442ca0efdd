"""Augmented samples as training sees them, labels drawn over: a contact sheet and a web page."""

from collections.abc import Iterator
from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from seg.data.class_pixels import class_pixels
from seg.data.fingerprint import unwrapped
from seg.data.label_space import LabelSpace
from seg.data.readers.value_range import PLAIN
from seg.data.sample import Sample, SegmentationDataset
from seg.data.transforms.pipeline import Augmentation
from seg.errors import ConfigError
from seg.io.atomic import write_atomically
from seg.visualization.composite import as_rgb
from seg.visualization.grids import legend, overlay, palette_image
from seg.visualization.html import class_entry, data_uri, encode, fill

_OPACITY = 0.5
_TILE_PX, _GAP_PX, _CAPTION_PX = 360, 8, 20
_PAGE_PX = 1024
_TEMPLATES = Path(__file__).parent / "templates"


def contact_sheet(
    dataset: SegmentationDataset,
    augmentation: Augmentation | None,
    *,
    count: int,
    columns: int,
    seed: int,
) -> NDArray[np.uint8]:
    """Draw augmented samples with their labels over them, and a legend of the classes.

    Args:
        dataset: samples are drawn from it without repetition, then again as in the next epoch.
        augmentation: as in a training with this seed; None: none.
        count: number of samples.
        columns: samples a row.
        seed: seed of the run, for the choice of samples and their augmentation.

    Returns:
        uint8, H x W x 3, RGB.

    Raises:
        ConfigError: a count or a number of columns below 1.
        DataError: a sample cannot be read.
    """
    if columns < 1:
        raise ConfigError(f"columns {columns} must be 1 or more")
    samples = _draw_samples(dataset, augmentation, count, seed)
    tiles = [_tile(sample, size, dataset.labels) for sample, size in samples]
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
    """Write the samples of `contact_sheet` as one self-contained HTML page, all of it or nothing.

    Raises:
        ConfigError: a count below 1.
        DataError: a sample cannot be read.
    """
    labels = dataset.labels
    samples = _draw_samples(dataset, augmentation, count, seed)
    figures = [_figure(sample, size, labels) for sample, size in samples]
    *_, innermost = unwrapped(dataset)
    changed = "unchanged" if augmentation is None else f"augmented with seed {seed}"
    page = fill(
        _TEMPLATES / "preview.html",
        title=escape(f"{type(innermost).__name__}, split {dataset.split}"),
        subtitle=f"{len(figures)} images from {len(dataset)} samples, {changed};"
        " ignored pixels are black",
        opacity=_OPACITY,
        legend="\n".join(class_entry(labels, train_id) for train_id in range(labels.num_classes)),
        figures="".join(figures),
    )
    write_atomically(path, lambda file: file.write(page.encode()))


def _draw_samples(
    dataset: SegmentationDataset, augmentation: Augmentation | None, count: int, seed: int
) -> Iterator[tuple[Sample, str]]:
    """Yield augmented samples in an order drawn from the seed, with their sizes in words."""
    if count < 1:
        raise ConfigError(f"count {count} must be 1 or more")
    composite = getattr(dataset, "decoding", PLAIN).composite
    order = np.random.default_rng(seed).permutation(len(dataset))
    for position in range(count):
        epoch, place = divmod(position, len(dataset))
        index = int(order[place])
        sample = dataset[index]
        before = sample.label.shape
        if augmentation is not None:
            sample = augmentation(sample, (seed, epoch, index))
        height, width = sample.label.shape
        size = f"{width} x {height}"
        size += "" if before == (height, width) else f", from {before[1]} x {before[0]}"
        rgb = replace(sample, image=as_rgb(sample.image, composite, stretched=True))
        yield rgb, f"{size}, epoch {epoch}" if epoch else size


def _tile(sample: Sample, size: str, labels: LabelSpace) -> Image.Image:
    image = overlay(sample.image, sample.label, labels, _OPACITY)
    height = max(1, round(image.height * _TILE_PX / image.width))
    smaller = image.width > _TILE_PX
    method = Image.Resampling.BOX if smaller else Image.Resampling.NEAREST
    tile = Image.new("RGB", (_TILE_PX, height + _CAPTION_PX), "white")
    tile.paste(image.resize((_TILE_PX, height), method), (0, 0))
    font = ImageFont.load_default(12)
    room_px = _TILE_PX - font.getlength(size) - 12
    name = sample.name
    while len(name) > 4 and font.getlength(name) > room_px:  # its end tells samples apart
        name = f"...{name.removeprefix('...')[1:]}"
    draw = ImageDraw.Draw(tile)
    draw.text((0, height + 3), name, fill="black", font=font)
    draw.text((_TILE_PX, height + 3), size, fill=(110, 110, 110), font=font, anchor="ra")
    return tile


def _figure(sample: Sample, size: str, labels: LabelSpace) -> str:
    image = Image.fromarray(sample.image)
    label = palette_image(sample.label, labels)
    if labels.dtype is np.uint16:  # more colors than a palette has
        label = Image.fromarray(labels.colorize(sample.label))
    scale = min(1.0, _PAGE_PX / max(image.size))
    width, height = (max(1, round(side * scale)) for side in image.size)
    if (width, height) != image.size:
        image = image.resize((width, height), Image.Resampling.BOX)
        label = label.resize((width, height), Image.Resampling.NEAREST)
    codes = np.bincount(sample.label.ravel(), minlength=labels.num_codes)
    counts = class_pixels(codes, labels)
    present = sorted(np.flatnonzero(counts).tolist(), key=lambda train_id: -int(counts[train_id]))
    return fill(
        _TEMPLATES / "preview_figure.html",
        image=data_uri(encode(image, "JPEG", quality=88), "JPEG"),
        labels=data_uri(encode(label, "PNG", optimize=True), "PNG"),
        width=width,
        height=height,
        name=escape(sample.name),
        size=size,
        opacity=_OPACITY,
        classes="\n".join(
            class_entry(labels, each, f" {share:.0%}" if share >= 0.01 else " &lt; 1%")
            for each in present
            for share in (counts[each] / sample.label.size,)
        ),
    )
