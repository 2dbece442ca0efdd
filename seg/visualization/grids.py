"""Images of labels and predictions: palette PNG, overlay, errors, grids of samples."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from seg.data.label_space import LabelSpace
from seg.data.sample import Sample, SegmentationDataset
from seg.data.wrappers.subset import spread_over
from seg.io.atomic import write_atomically
from seg.visualization.composite import as_rgb

if TYPE_CHECKING:  # what only draws labels need not wait for the networks' libraries
    from seg.inference.image_model import ImageModel

_GAP_PX = 4
_HEADER_PX = 18
_COLUMN_PX = 512
_MOST_LISTED = 255  # classes in a legend
_MIN_COLUMN_PX = 72  # for the longest heading
_RIGHT, _WRONG = (235, 235, 235), (214, 39, 40)


def save_png(path: Path, image: Image.Image) -> None:
    """Write a PNG atomically."""
    write_atomically(path, lambda file: image.save(file, "PNG"))


def label_image(label_HW: NDArray[Any], labels: LabelSpace) -> Image.Image:
    """Return class ids as an image whose pixel values are ids: `palette_image`, or 16-bit grey."""
    return (
        Image.fromarray(label_HW) if labels.dtype is np.uint16 else palette_image(label_HW, labels)
    )


def palette_image(label_HW: NDArray[np.uint8], labels: LabelSpace) -> Image.Image:
    """Return class ids as a palette image: pixel values are ids, the palette the dataset's."""
    image = Image.fromarray(label_HW, mode=None).convert("L")
    colors = labels.colorize(np.arange(256, dtype=np.uint8)[None])[0]
    image.putpalette(colors.tobytes())
    return image


def overlay(
    image_HW3: NDArray[np.uint8], label_HW: NDArray[Any], labels: LabelSpace, opacity: float
) -> Image.Image:
    """Blend the colors of a label map into its image; `opacity` 0 gives the image alone.

    Where classes may overlap, pixels of none show the image.
    """
    image = Image.fromarray(image_HW3)
    blended = Image.blend(image, Image.fromarray(labels.colorize(label_HW)), opacity)
    if labels.mode != "multi_label":
        return blended
    return Image.composite(image, blended, Image.fromarray(label_HW == 0))


def error_image(
    label_HW: NDArray[Any], prediction_HW: NDArray[Any], labels: LabelSpace
) -> NDArray[np.uint8]:
    """Return RGB uint8, H x W x 3: wrong pixels red, right ones light, ignored ones black."""
    error_HW3 = np.where((prediction_HW == label_HW)[..., None], _RIGHT, _WRONG).astype(np.uint8)
    error_HW3[label_HW == labels.ignore_index] = 0
    return error_HW3


def predicted_grid(model: "ImageModel", data: SegmentationDataset, count: int) -> Image.Image:
    """Return the `prediction_grid` of `count` samples spread over a dataset."""
    from seg.inference.segmentation_model import predict_sample

    samples = [data[place] for place in spread_over(len(data), count)]
    predictions = [predict_sample(model, sample.image) for sample in samples]
    return prediction_grid(samples, predictions, model.labels, model.decoding.composite)


def prediction_grid(
    samples: Sequence[Sample],
    predictions: Sequence[NDArray[Any]],
    labels: LabelSpace,
    composite: tuple[int, int, int] | None = None,
) -> Image.Image:
    """Draw one row a sample: image | label | prediction | error, each column headed.

    In the error column wrong pixels are red, right ones light, ignored ones black. Below, a legend
    of the classes. Images of further channels are drawn as `as_rgb` does by `composite`.
    """
    sizes = [_tile_size(sample) for sample in samples]
    column_px = max(_MIN_COLUMN_PX, *(width for width, _ in sizes))
    lefts = [position * (column_px + _GAP_PX) for position in range(4)]
    class_legend = legend(labels, lefts[3] + column_px)
    height = _HEADER_PX + sum(each + _GAP_PX for _, each in sizes)
    grid = Image.new("RGB", (class_legend.width, height + class_legend.height), "white")
    draw = ImageDraw.Draw(grid)
    for left, title in zip(lefts, ("image", "label", "prediction", "error"), strict=True):
        draw.text((left + 4, 3), title, fill="black")
    top = _HEADER_PX
    for sample, label_HW, size in zip(samples, predictions, sizes, strict=True):
        error = error_image(sample.label, label_HW, labels)
        maps = (labels.colorize(sample.label), labels.colorize(label_HW), error)
        image = Image.fromarray(as_rgb(sample.image, composite, stretched=True))
        image = image.resize(size, Image.Resampling.BILINEAR)
        grid.paste(image, (lefts[0], top))
        for left, tile in zip(lefts[1:], maps, strict=True):
            map_image = Image.fromarray(tile).resize(size, Image.Resampling.NEAREST)
            grid.paste(map_image, (left, top))
        top += size[1] + _GAP_PX
    grid.paste(class_legend, (0, top))
    return grid


def _tile_size(sample: Sample) -> tuple[int, int]:
    """Return width and height of each of a sample's four images in the grid, in px."""
    height, width = sample.label.shape
    tile_px = min(width, _COLUMN_PX)
    return tile_px, max(1, round(height * tile_px / width))


def legend(labels: LabelSpace, width: int) -> Image.Image:
    """Draw the color and the name of each class in columns of 130 px; of many the first 255."""
    columns = max(1, width // 130)
    entries = list(zip(labels.names, labels.palette, strict=True))[:_MOST_LISTED]
    if labels.num_classes > _MOST_LISTED:
        entries.append((f"{labels.num_classes - _MOST_LISTED} more", (255, 255, 255)))
    lines = -(-len(entries) // columns)
    image = Image.new("RGB", (width, lines * 18 + 6), "white")
    draw = ImageDraw.Draw(image)
    for index, (name, color) in enumerate(entries):
        left, top = index % columns * 130 + 4, index // columns * 18 + 4
        draw.rectangle((left, top, left + 13, top + 12), fill=color, outline="black")
        draw.text((left + 18, top), name[:18], fill="black")
    return image
