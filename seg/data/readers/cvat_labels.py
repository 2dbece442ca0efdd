"""Label maps of CVAT's annotation files."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.cvat_shapes import Precision, Region, draw_shape, ordered
from seg.data.readers.cvat_xml import (
    AREAS,
    CvatFile,
    CvatImage,
    CvatShape,
    is_outside,
    read_shapes,
)
from seg.data.readers.drawn_pairs import ImageLabels
from seg.data.readers.image_decoding import MAX_PIXELS
from seg.data.readers.urls import Location
from seg.errors import DataError, brief, first_of

Undrawn = Literal["error", "exclude"]

_MAX_COST = 4_000_000_000  # pixels from the image's corner to the last of each shape; some seconds
_SHAPE_COST = 10_000
_LISTED = 8
_LONGEST_SIZE = 9


@dataclass(frozen=True)
class CvatDrawing:
    """How shapes become a label map.

    Attributes:
        background: file id of the pixels of no shape.
        merge_groups: whether shapes of a group get the label of the largest.
        undrawn: whether shapes that CVAT does not draw are an `error` or left out (`exclude`).
        precision: of the corners of polygons and boxes.
    """

    background: int
    merge_groups: bool
    undrawn: Undrawn
    precision: Precision


class CvatLabels(ImageLabels[CvatFile, CvatImage, CvatDrawing]):
    """A `ReadLabel` that draws the shapes of an image; the image stands for its label.

    Args:
        images: file and entry of each image file.
        ids: file id of each label.
        drawing: how shapes are drawn.
    """

    @property
    def source(self) -> str:
        """Return the annotation files, for messages."""
        return first_of(sorted({str(file.path) for file, _ in self._images.values()}))

    def __call__(self, path: Location) -> NDArray[Any]:
        """Draw the shapes of an image as file ids, int32, H x W.

        Raises:
            DataError: the annotation file has changed, what is wrong with which shape, or a label
                is no class.
        """
        file, image = self._images[str(path)]
        where = f"{file.path}, line {image.line}: image {brief(image.name)}"
        width, height = size = _size(image, where)
        shapes = [each for each in read_shapes(file, image) if not is_outside(each.attributes)]
        self._check_kinds(shapes, where)
        areas = [shape for shape in shapes if shape.kind in AREAS]
        names = [shape.attributes.get("label", "") for shape in areas]
        unknown = sorted(set(names) - set(self._ids))
        ids = self._ids | {name: -at for at, name in enumerate(unknown, start=1)}
        regions = list(_regions(areas, [ids[name] for name in names], file, size, self._drawing))
        label_HW = np.full((height, width), self._drawing.background, np.int32)
        for region in ordered(regions, merge_groups=self._drawing.merge_groups):
            region.paint(label_HW)
        if unknown:
            pixels = {name: int((label_HW == ids[name]).sum()) for name in unknown}
            raise self._no_class(pixels, where)
        empty = [
            f"{shape.kind} of line {shape.line}"
            for shape, region in zip(areas, regions, strict=True)
            if not region.mask.any()
        ]
        self._note(path, empty)
        return label_HW

    def _check_kinds(self, shapes: list[CvatShape], where: str) -> None:
        """Refuse shapes that are not drawn, unless the options leave them out."""
        others = Counter(shape.kind for shape in shapes if shape.kind not in AREAS)
        if others and self._drawing.undrawn == "error":
            listed = ", ".join(f"{count} {kind}" for kind, count in others.items())
            raise DataError(
                f"{where}: holds shapes that CVAT draws in no mask: {listed}\n"
                "  give them an area in CVAT, or leave them out as CVAT does:"
                " dataset.undrawn=exclude",
                fault="label_kind",
            )

    def _no_class(self, pixels: Mapping[str, int], where: str) -> DataError:
        listed = [f"{brief(name)} ({count} pixels)" for name, count in pixels.items()]
        return DataError(
            f"{where}: labels that are no class: {first_of(listed, _LISTED)}\n"
            f"  the classes are: {', '.join(self._ids)}\n"
            "  add them to dataset.classes (labels.ignore=[NAME] then ignores their pixels)",
            fault="unknown_values",
            values=pixels,
        )


def _regions(
    shapes: list[CvatShape],
    ids: list[int],
    file: CvatFile,
    size: tuple[int, int],
    drawing: CvatDrawing,
) -> Iterator[Region]:
    cost = 0
    for shape, id_ in zip(shapes, ids, strict=True):
        name = brief(shape.attributes.get("label", ""))
        where = f"{file.path}, line {shape.line}: {shape.kind} ({name})"
        region = draw_shape(shape, size, id_, where, drawing.precision)
        height, width = region.mask.shape
        cost += (region.left + width) * (region.top + height) + _SHAPE_COST
        cost += size[0] * size[1] if shape.kind == "ellipse" else 0
        if cost > _MAX_COST:
            raise DataError(
                f"{where}: the shapes of its image are too many or too large to be drawn; cut the"
                " image into tiles",
                fault="too_large",
            )
        yield region


def _size(image: CvatImage, where: str) -> tuple[int, int]:
    for key, text in (("width", image.width), ("height", image.height)):
        if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_SIZE and int(text)):
            raise DataError(
                f"{where}: {key} is {brief(text)}; a whole number above 0 is needed",
                fault="damaged",
            )
    width, height = int(image.width), int(image.height)
    if width * height > MAX_PIXELS:
        raise DataError(
            f"{where}: has more than {MAX_PIXELS} pixels; cut it into tiles", fault="too_large"
        )
    return width, height
