"""Label maps of COCO instance annotations."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.coco_index import BOX, CROWD, POLYGONS, CocoIndex, ListedImage
from seg.data.readers.coco_masks import (
    MAX_RUNS,
    Runs,
    decode_runs,
    draw_polygons,
    polygon_steps,
)
from seg.data.readers.drawn_pairs import NotedLabels
from seg.data.readers.image_decoding import MAX_PIXELS
from seg.data.readers.json_arrays import read_element
from seg.data.readers.urls import Location
from seg.errors import DataError, brief

OverlapOrder = Literal["area", "file"]
Crowd = Literal["class", "ignored"]
Boxes = Literal["error", "ignored", "exclude"]

# Each costs some seconds: steps along edges, and pixels between the first and last of each shape.
_MAX_STEPS, _MAX_COST = 2**27, 2_000_000_000
_FAR_PX = 1e9
_TOO_MUCH = "the shapes of its image are too many or too large to be drawn; cut it into tiles"


@dataclass(frozen=True)
class DrawingOptions:
    """How annotations become a label map.

    Attributes:
        unlabelled: file id of the pixels of no annotation.
        ignored: file id of ignored pixels.
        overlap_order: `area`: the smaller covers the larger, of equal ones the later in the file;
            `file`: the later covers the earlier.
        crowd: whether regions with `iscrowd` are of their class, or ignored.
        boxes: annotations of a box alone are an `error`, their pixels are `ignored`, or they are
            left out (`exclude`).
        multi_label: ids are codes of classes that may overlap; no annotation covers another, and
            ignored ones cover all.
    """

    unlabelled: int
    ignored: int
    overlap_order: OverlapOrder = "area"
    crowd: Crowd = "class"
    boxes: Boxes = "error"
    multi_label: bool = False


class InstanceLabels(NotedLabels):
    """A `ReadLabel` that draws the annotations of an image; the image stands for its label.

    Args:
        index: of the annotation file.
        images: position in the index of each image file.
        ids: file id of each category; None: its annotations are left out.
        options: how they are drawn.
    """

    def __init__(
        self,
        index: CocoIndex,
        images: Mapping[str, int],
        ids: Mapping[int, int | None],
        options: DrawingOptions,
    ) -> None:
        self._index = index
        self._images = images
        self._ids = ids
        self._options = options
        super().__init__()
        drawn = [id_ for id_ in ids.values() if id_ is not None]
        largest = max((*drawn, options.unlabelled, options.ignored))
        self._dtype = np.uint8 if largest <= np.iinfo(np.uint8).max else np.int32

    @property
    def settings(self) -> str:
        """Return what beside the classes and the images decides what is read."""
        return f"({self._index.path.absolute()}, {self._index.state}, {self._ids}, {self._options})"

    @property
    def source(self) -> object:
        """Return the annotation file, for messages."""
        return self._index.path

    def __call__(self, path: Location) -> NDArray[Any]:
        """Draw the annotations of an image as file ids, uint8 where it holds all, H x W.

        Raises:
            DataError: the annotation file has changed, or what is wrong with which annotation.
        """
        position = self._images[str(path)]
        image = self._index.images[position]
        size = _size(image, f"{self._index.path}: image {position}")
        shapes, empty = [], []
        runs_left, cost_left = MAX_RUNS, _MAX_COST
        for where, runs, id_ in self._shapes(position, image, size):
            runs_left -= len(runs.counts)
            cost_left -= runs.span.stop - runs.span.start
            if runs_left < 0 or cost_left < 0:
                raise DataError(f"{where}: {_TOO_MUCH}", fault="too_large")
            shapes.append((runs, id_))
            if not runs.area:
                empty.append(where.removeprefix(f"{self._index.path}: "))
        if self._options.overlap_order == "area":
            shapes.sort(key=lambda shape: -shape[0].area)  # stable
        self._note(path, empty)
        return np.ascontiguousarray(self._painted(shapes, size).T)

    def _painted(self, shapes: Sequence[tuple[Runs, int]], size: tuple[int, int]) -> NDArray[Any]:
        """Paint shapes one over the other, or where classes may overlap as their union; W x H."""
        options = self._options
        label_WH = np.full(size, options.unlabelled, self._dtype)
        if not options.multi_label:
            for runs, id_ in shapes:
                runs.paint(label_WH, id_)
            return label_WH
        codes_WH: NDArray[Any] = np.zeros(size, self._dtype)
        for code in {id_ for _, id_ in shapes} - {options.ignored}:
            inside_WH = np.zeros(size, np.uint8)
            for runs in (runs for runs, id_ in shapes if id_ == code):
                runs.paint(inside_WH, 1)
            codes_WH[inside_WH > 0] |= code
        label_WH = np.where(codes_WH > 0, codes_WH, label_WH)
        for runs in (runs for runs, id_ in shapes if id_ == options.ignored):
            runs.paint(label_WH, options.ignored)
        return label_WH

    def _shapes(
        self, position: int, image: ListedImage, size: tuple[int, int]
    ) -> Iterator[tuple[str, Runs, int]]:
        """Yield the place, pixels and file id of the annotations of an image."""
        index = self._index
        rows = slice(int(index.first[position]), int(index.first[position + 1]))
        steps_left = _MAX_STEPS
        try:
            with index.path.open("rb") as file:
                status = os.fstat(file.fileno())
                if (status.st_size, status.st_mtime_ns) != index.state:
                    raise DataError(
                        f"{index.path}: has changed since it was read; give the command again",
                        fault="changed",
                    )
                for place, kind in zip(index.places[rows], index.kinds[rows], strict=True):
                    at, start, end, category = map(int, place)
                    where = f"{index.path}: annotation {at} ({image.name[:80]})"
                    id_ = self._id(category, int(kind), where)
                    if id_ is None:
                        continue
                    content = read_element(file, start, end, index.source)
                    where = f"{where[:-1]}, id {brief(content.get('id'))})"
                    runs, steps = _draw(content, int(kind) % CROWD, size, where)
                    steps_left -= steps
                    if steps_left < 0:
                        raise DataError(f"{where}: {_TOO_MUCH}", fault="too_large")
                    yield where, runs, id_
        except OSError as error:
            raise DataError(
                f"{index.path}: annotation file cannot be read: {error.strerror or error}",
                fault="unreadable",
            ) from error

    def _id(self, category: int, kind: int, where: str) -> int | None:
        """Return the file id of an annotation; None: it is left out."""
        if category not in self._ids:
            raise DataError(
                f"{where}: its category_id {category} is not in 'categories'",
                fault="unknown_values",
            )
        id_ = self._ids[category]
        if id_ is None:
            return None
        if kind % CROWD == BOX:
            if self._options.boxes == "error":
                raise DataError(
                    f"{where}: has a box and no segmentation\n"
                    "  dataset.boxes=ignored ignores the pixels in such boxes,"
                    " dataset.boxes=exclude draws none",
                    fault="no_segmentation",
                )
            return self._options.ignored if self._options.boxes == "ignored" else None
        return self._options.ignored if kind >= CROWD and self._options.crowd == "ignored" else id_


def _size(image: ListedImage, where: str) -> tuple[int, int]:
    width, height = image.width, image.height
    if type(width) is not int or type(height) is not int or min(width, height) < 1:
        raise DataError(
            f"{where} ({image.name[:80]}): width is {brief(width)}, height {brief(height)};"
            " whole numbers above 0 are needed",
            fault="damaged",
        )
    if width * height > MAX_PIXELS:
        raise DataError(
            f"{where} ({image.name[:80]}): has more than {MAX_PIXELS} pixels; cut it into tiles",
            fault="too_large",
        )
    return width, height


def _draw(
    content: Mapping[str, Any], kind: int, size: tuple[int, int], where: str
) -> tuple[Runs, int]:
    """Return the pixels of an annotation and the steps that pycocotools took for them."""
    if kind == POLYGONS:
        polygons = content["segmentation"]
    elif kind == BOX:
        polygons = [_corners(content.get("bbox"), where)]
    else:
        return decode_runs(content["segmentation"], size, where), 0
    steps = polygon_steps(polygons, size, where)
    return draw_polygons(polygons, size), steps


def _corners(box: Any, where: str) -> list[float]:
    """Return the corners of `[left, top, width, height]` as pycocotools draws boxes."""
    if (
        not isinstance(box, list)
        or len(box) != 4
        or not all(type(each) in (int, float) and abs(each) <= _FAR_PX for each in box)
        or not min(box[2:]) >= 0
    ):
        raise DataError(
            f"{where}: its bbox is {brief(box)}; left, top, width and height are needed",
            fault="damaged",
        )
    left, top, width, height = box
    right, bottom = left + width, top + height
    return [left, top, left, bottom, right, bottom, right, top]
