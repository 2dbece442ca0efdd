"""Pixels of COCO annotations: polygons as pycocotools draws them, run-length encodings."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.image_decoding import MAX_PIXELS
from seg.errors import DataError, brief

INSTALL = "pip install 'seg-xception[coco]'"
MAX_RUNS = 2**24
"""Most runs of the annotations of one image."""

_REACH = 10  # a corner may lie so many times the longer side away from the image's own corner
_SMALL_PX = 100
_FEWEST_NUMBERS = 6
# pycocotools walks along an edge in fifths of a pixel, and stores each step.
_STEPS_A_PX = 5
_MAX_STEPS = 2**24
_FIRST_CHARACTER, _BITS, _SIGN, _MORE = 48, 5, 0x10, 0x20
_MAX_CHARACTERS = 7  # of a count: 35 bits


@dataclass(frozen=True)
class Runs:
    """The pixels of an annotation, as lengths of runs down the columns, from left to right.

    Attributes:
        counts: int64, in turn outside and inside.
    """

    counts: NDArray[np.int64]

    @property
    def area(self) -> int:
        """Return the number of pixels."""
        return int(self.counts[1::2].sum())

    @property
    def span(self) -> slice:
        """Return the positions `column * height + row` from the first pixel to the last."""
        inside = len(self.counts) // 2 * 2
        return slice(int(self.counts[:1].sum()), int(self.counts[:inside].sum()))

    def paint(self, label_WH: NDArray[Any], id_: int) -> None:
        """Give its pixels an id; the array is contiguous."""
        between = self.counts[1 : len(self.counts) // 2 * 2]
        is_inside = np.arange(len(between)) % 2 == 0
        np.putmask(label_WH.reshape(-1)[self.span], np.repeat(is_inside, between), id_)


def has_pycocotools() -> bool:
    """Return whether the extra `coco` is installed."""
    return find_spec("pycocotools") is not None


def polygon_steps(polygons: Any, size: tuple[int, int], where: str) -> int:
    """Check polygons and return the steps along their edges, which drawing time grows with.

    pycocotools takes four numbers for a box, cuts an odd number, and ends the process on some
    numbers that are far out.

    Args:
        polygons: as the file has them.
        size: width and height of the image, in px.
        where: the annotation, for messages.

    Raises:
        DataError: they are no polygons of three corners or more, a corner lies far outside the
            image, or the edges are too long to be drawn.
    """
    reach = _REACH * max(*size, _SMALL_PX)
    steps = 0
    if not isinstance(polygons, list):
        raise DataError(
            f"{where}: its segmentation is {brief(polygons)}; polygons or a run-length encoding"
            " are needed",
            fault="label_kind",
        )
    for at, polygon in enumerate(polygons):
        numbers = polygon if isinstance(polygon, list) else []
        if (
            len(numbers) < _FEWEST_NUMBERS
            or len(numbers) % 2
            or not all(type(each) in (int, float) for each in numbers)
        ):
            raise DataError(
                f"{where}: polygon {at} is {brief(polygon)}; x and y of three corners or more are"
                " needed",
                fault="damaged",
            )
        far = next((each for each in numbers if not -reach <= each <= reach), None)
        if far is not None:
            raise DataError(
                f"{where}: polygon {at} has the coordinate {brief(far)}, far outside the image of"
                f" {size[0]} x {size[1]}\n"
                "  correct or remove it; is it of an image of another size?",
                fault="damaged",
            )
        corners_N2 = np.array(numbers, np.float64).reshape(-1, 2)
        edges_N2 = np.abs(corners_N2 - np.roll(corners_N2, 1, axis=0))
        steps += round(_STEPS_A_PX * float(edges_N2.max(axis=1).sum())) + 2 * len(corners_N2)
    if steps > _MAX_STEPS:
        raise DataError(
            f"{where}: its edges are longer than can be drawn; simplify them", fault="too_large"
        )
    return steps


def draw_polygons(polygons: Sequence[Sequence[float]], size: tuple[int, int]) -> Runs:
    """Return the union of polygons as pycocotools draws them.

    Args:
        polygons: checked by `polygon_steps`.
        size: width and height of the image, in px.
    """
    from pycocotools import mask

    width, height = size
    merged = mask.merge(mask.frPyObjects([list(each) for each in polygons], height, width))
    counts = _parse(merged["counts"])
    if counts is None:
        raise RuntimeError(f"pycocotools wrote no run-length encoding: {brief(merged)}")
    return Runs(counts)


def decode_runs(segmentation: Any, size: tuple[int, int], where: str) -> Runs:
    """Return the pixels of a run-length encoding, a list of counts or COCO's compressed text.

    Args:
        segmentation: `{"size": [height, width], "counts": ...}`.
        size: width and height of the image, in px.
        where: the annotation, for messages.

    Raises:
        DataError: it is of another size, or its counts are damaged or do not add up to the image.
    """
    width, height = size
    stored = segmentation.get("size") if isinstance(segmentation, dict) else None
    if stored != [height, width]:
        raise DataError(
            f"{where}: its run-length encoding has the size {brief(stored)}, the image of the file"
            f" [{height}, {width}] (height, width)",
            fault="size_mismatch",
        )
    content = segmentation.get("counts")
    counts = None
    if isinstance(content, str) and content.isascii():
        counts = _parse(content.encode())
    elif isinstance(content, list) and all(map(_is_count, content)):
        counts = np.array(content, np.int64)
    most = width * height
    if counts is None or not len(counts) or counts.min() < 0 or counts.max() > most:
        raise DataError(
            f"{where}: the counts of its run-length encoding are damaged: {brief(content)}",
            fault="damaged",
        )
    if len(counts) > MAX_RUNS:
        raise DataError(f"{where}: has more than {MAX_RUNS} runs", fault="too_large")
    if (total := int(counts.sum())) != most:
        raise DataError(
            f"{where}: its run-length encoding has {total} pixels, the image {most}",
            fault="size_mismatch",
        )
    return Runs(counts)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_PIXELS


def _parse(text: bytes) -> NDArray[np.int64] | None:
    """Return the counts of compressed text; None where it is damaged.

    Each count has characters of five bits, the lowest first; from the fourth on it is the
    difference to the one before the last (maskApi.c of cocoapi).
    """
    characters = np.frombuffer(text, np.uint8).astype(np.int64) - _FIRST_CHARACTER
    if not len(characters) or characters.min() < 0 or characters.max() > 2 * _MORE - 1:
        return None
    is_last = characters & _MORE == 0
    if not is_last[-1]:
        return None
    ends = np.flatnonzero(is_last)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > _MAX_CHARACTERS:
        return None
    place = np.arange(len(characters)) - np.repeat(starts, lengths)
    low = (characters & (2**_BITS - 1)) << _BITS * place
    counts: NDArray[np.int64] = np.add.reduceat(low, starts)
    negative = characters[ends] & _SIGN != 0
    counts[negative] -= np.int64(1) << _BITS * lengths[negative]
    counts[1::2] = np.cumsum(counts[1::2])
    counts[2::2] = np.cumsum(counts[2::2])
    return counts
