"""Statistics of a split: class frequencies, co-occurrence, sizes, colors."""

import logging
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from seg.data.label_space import LabelSpace
from seg.data.loading.parallel_map import parallel_map
from seg.data.sample import SegmentationDataset
from seg.data.statistics import DatasetStatistics, collect, median_frequency_weights

_log = logging.getLogger(__name__)
_SIZES_LISTED = 50
_OPENCV_CHANNELS = 4  # of which it counts moments
_MANY_CLASSES, _MOST_DRAWN = 40, 255
_BAR_PX, _NUMBERS_PX, _MARGIN_PX = 320, 130, 16
_LEAST_MATRIX_PX = 240  # its heading
_INK, _FAINT, _GRID = (25, 25, 25), (110, 110, 110), (225, 225, 225)
_NONE, _ALL = (247, 247, 247), (23, 78, 128)


def describe(dataset: SegmentationDataset, *, num_workers: int) -> dict[str, Any]:
    """Count and measure every sample.

    Args:
        dataset: what to describe.
        num_workers: processes that read; 0: this one.

    Returns:
        plain data for JSON. Lists by class are in the order of `classes`, colors are 0 to 1:
        `split`, `samples`, `classes`, `pixels`, `frequencies`, `images` (in which each class
        occurs), `ignored_share`, `median_frequency_weights` (null if no class occurs), `width`
        and `height` (min, median, max in px), `sizes` (width, height and number of images, the 50
        most frequent), `distinct_sizes`, `rgb_mean`, `rgb_std` (over all pixels of all images) and
        `co_occurrence` (images that contain both the class of the row and that of the column).

    Raises:
        DataError: a sample cannot be read, or contains an id that is no class.
    """
    statistics = collect(dataset, num_workers=num_workers)
    present = statistics.present.astype(np.int64)
    pixels = int(statistics.sizes.prod(axis=1).sum())
    mean, std = _color_statistics(dataset, num_workers)
    return {
        "split": dataset.split,
        "samples": len(dataset),
        "classes": list(statistics.names),
        "pixels": statistics.pixel_counts.tolist(),
        "frequencies": statistics.frequencies.tolist(),
        "images": statistics.image_counts.tolist(),
        "ignored_share": int(statistics.ignored_pixels.sum()) / max(pixels, 1),
        "median_frequency_weights": median_frequency_weights(statistics) if present.any() else None,
        **_sizes(statistics),
        "rgb_mean": mean,
        "rgb_std": std,
        "co_occurrence": (present.T @ present).tolist(),
    }


def _sizes(statistics: DatasetStatistics) -> dict[str, Any]:
    """Return the sizes of the images, the most frequent ones with their number."""
    by_frequency = Counter((width, height) for height, width in statistics.sizes.tolist())
    listed = sorted(by_frequency.items(), key=lambda item: (-item[1], item[0]))[:_SIZES_LISTED]
    return {
        "width": _spread(statistics.sizes[:, 1]),
        "height": _spread(statistics.sizes[:, 0]),
        "sizes": [[width, height, images] for (width, height), images in listed],
        "distinct_sizes": len(by_frequency),
    }


def _spread(lengths_px: NDArray[np.int64]) -> dict[str, float]:
    """Return smallest, median and largest length, in px."""
    return {
        "min": int(lengths_px.min()),
        "median": float(np.median(lengths_px)),
        "max": int(lengths_px.max()),
    }


def _color_statistics(
    dataset: SegmentationDataset, num_workers: int
) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each channel over all pixels, 0 to 1."""
    _log.info("measuring the colors of %d images of split %s", len(dataset), dataset.split)
    measured = parallel_map(partial(_moments, dataset), len(dataset), num_workers=num_workers)
    pixels, total, squares = (np.asarray(part) for part in zip(*measured, strict=True))
    mean = total.sum(axis=0) / pixels.sum()
    variance = squares.sum(axis=0) / pixels.sum() - mean**2
    std = np.sqrt(np.maximum(variance, 0.0))  # rounding can leave a uniform image just below 0
    return (mean / 255).tolist(), (std / 255).tolist()


def _moments(
    dataset: SegmentationDataset, index: int
) -> tuple[int, NDArray[np.float64], NDArray[np.float64]]:
    """Return an image's pixels and the sums of its values and their squares by channel."""
    image_HWC = dataset[index].image
    pixels = image_HWC.shape[0] * image_HWC.shape[1]
    if image_HWC.shape[2] <= _OPENCV_CHANNELS:
        mean, std = (each.ravel() for each in cv2.meanStdDev(image_HWC))
    else:
        values_PC = image_HWC.reshape(pixels, -1).astype(np.float64)
        mean, std = values_PC.mean(0), values_PC.std(0)
    return pixels, mean * pixels, (std**2 + mean**2) * pixels


def draw(statistics: Mapping[str, Any], labels: LabelSpace) -> Image.Image:
    """Draw the statistics of `describe`, one line a class.

    From left to right: name, share of the pixels as a bar on a log scale in the class's color,
    that share and the number of images with the class, and the share of these images that also
    contain the class of the column. Of more than 255 classes the most frequent are drawn.
    """
    if labels.num_classes > _MOST_DRAWN:
        statistics, labels = _most_frequent(statistics, labels)
    return _Chart(statistics, labels).draw()


def _most_frequent(
    statistics: Mapping[str, Any], labels: LabelSpace
) -> tuple[dict[str, Any], LabelSpace]:
    """Return what is drawn of the most frequent classes, in their order."""
    frequencies = np.array(statistics["frequencies"])
    drawn = np.sort(np.argsort(-frequencies, kind="stable")[:_MOST_DRAWN])
    matrix = statistics["co_occurrence"]
    part = {key: [statistics[key][at] for at in drawn] for key in ("frequencies", "images")}
    part["co_occurrence"] = [[matrix[row][column] for column in drawn] for row in drawn]
    names, palette = zip(*((labels.names[at], labels.palette[at]) for at in drawn), strict=True)
    return {**statistics, **part}, LabelSpace.identity(names, palette)


class _Chart:
    def __init__(self, statistics: Mapping[str, Any], labels: LabelSpace) -> None:
        self._statistics = statistics
        self._labels = labels
        # The bars span so many powers of ten, from below the rarest class up to 1.
        least = min((f for f in statistics["frequencies"] if f > 0), default=0.1)
        self._decades = max(1, int(np.ceil(-np.log10(least / 2))))
        many = labels.num_classes > _MANY_CLASSES
        self._row_px = 14 if many else 26
        self._font = ImageFont.load_default(10 if many else 14)
        self._small = ImageFont.load_default(10)
        names_px = max(self._font.getlength(name) for name in labels.names)
        self._bars_left = _MARGIN_PX + int(names_px) + 10
        numbers_left = self._bars_left + _BAR_PX + 8
        self._columns = (numbers_left + 56, numbers_left + 114)
        self._cells_left = numbers_left + _NUMBERS_PX
        self._top = 76 + int(names_px)
        side_px = self._row_px * labels.num_classes
        width = self._cells_left + max(side_px, _LEAST_MATRIX_PX) + _MARGIN_PX
        size = (width, self._top + side_px + 60)
        self._image = Image.new("RGB", size, "white")
        self._draw = ImageDraw.Draw(self._image)

    def draw(self) -> Image.Image:
        self._titles()
        self._scale()
        for row in range(self._labels.num_classes):
            self._bar(row)
            self._cells(row)
        self._column_names()
        self._summary()
        return self._image

    def _titles(self) -> None:
        facts = self._statistics
        size = f"{facts['samples']} images, {len(facts['classes'])} classes"
        title = f"split {facts['split']}: {size}"
        self._draw.text((_MARGIN_PX, 14), title, fill=_INK, font=ImageFont.load_default(20))
        above = self._top - 40
        self._draw.text((self._bars_left, above), "share of the pixels", _INK, self._font)
        for right, heading in zip(self._columns, ("share", "images"), strict=True):
            self._draw.text((right, above), heading, _INK, self._font, anchor="ra")
        heading = "% of the row's images with the class of the column"
        self._draw.text((self._cells_left, 50), heading, _FAINT, self._small)

    def _scale(self) -> None:
        bottom = self._top + self._row_px * self._labels.num_classes
        for power in range(self._decades + 1):
            x = self._bars_left + _BAR_PX * (1 - power / self._decades)
            self._draw.line((x, self._top - 4, x, bottom), fill=_GRID)
            text = f"{100 / 10**power:g}%"
            self._draw.text((x, self._top - 6), text, _FAINT, self._small, anchor="mb")

    def _bar(self, row: int) -> None:
        frequency = self._statistics["frequencies"][row]
        top, middle = self._top + row * self._row_px, self._top + (row + 0.5) * self._row_px
        name_at = (self._bars_left - 8, middle)
        self._draw.text(name_at, self._labels.names[row], _INK, self._font, anchor="rm")
        if frequency > 0:
            length = _BAR_PX * (1 + np.log10(frequency) / self._decades)
            left, right = self._bars_left, self._bars_left + max(length, 1)
            box = (left, top + 2, right, top + self._row_px - 3)
            self._draw.rectangle(box, fill=self._labels.palette[row], outline=_FAINT)
        share = f"{frequency:.2%}" if frequency >= 1e-3 else f"{100 * frequency:.2g}%"
        numbers = (share, str(self._statistics["images"][row]))
        for right, number in zip(self._columns, numbers, strict=True):
            self._draw.text((right, middle), number, _INK, self._font, anchor="rm")

    def _cells(self, row: int) -> None:
        """Draw a class's row of the co-occurrence matrix."""
        together = self._statistics["co_occurrence"][row]
        top = self._top + row * self._row_px
        for column, images in enumerate(together):
            left = self._cells_left + column * self._row_px
            share = images / together[row] if together[row] else 0.0
            fill = tuple(round(a + (b - a) * share) for a, b in zip(_NONE, _ALL, strict=True))
            box = (left, top, left + self._row_px - 2, top + self._row_px - 2)
            self._draw.rectangle(box, fill=fill)
            if self._row_px > 20 and together[row]:
                centre = (left + self._row_px / 2 - 1, top + self._row_px / 2 - 1)
                ink = "white" if share > 0.4 else _INK
                self._draw.text(centre, f"{100 * share:.0f}", ink, self._small, anchor="mm")

    def _column_names(self) -> None:
        """Draw the class names above the matrix, upright."""
        for column, name in enumerate(self._labels.names):
            length = int(self._font.getlength(name)) + 2
            strip = Image.new("RGB", (length, self._row_px), "white")
            ImageDraw.Draw(strip).text((0, self._row_px / 2), name, _INK, self._font, anchor="lm")
            upright = strip.transpose(Image.Transpose.ROTATE_90)
            left = self._cells_left + column * self._row_px
            self._image.paste(upright, (left, self._top - 4 - length))

    def _summary(self) -> None:
        facts = self._statistics
        width, height = facts["width"], facts["height"]
        mean, std = (", ".join(f"{v:.3f}" for v in facts[key]) for key in ("rgb_mean", "rgb_std"))
        lines = (
            f"ignored: {facts['ignored_share']:.2%} of all pixels; "
            f"width {width['min']} to {width['max']} (median {width['median']:g}), "
            f"height {height['min']} to {height['max']} (median {height['median']:g})",
            f"RGB mean {mean}, standard deviation {std}",
        )
        bottom = self._image.height - 48
        for position, line in enumerate(lines):
            at = (_MARGIN_PX, bottom + position * 18)
            self._draw.text(at, line, _FAINT, ImageFont.load_default(13))
