"""Label maps of the annotations of Supervisely."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.drawn_pairs import NotedLabels
from seg.data.readers.image_decoding import MAX_PIXELS
from seg.data.readers.pixel_centers import Size
from seg.data.readers.polygons import no_class_error
from seg.data.readers.supervisely_project import kind_of, read_annotation
from seg.data.readers.supervisely_shapes import DRAWN_KINDS, ShapePainter
from seg.data.readers.urls import Location
from seg.errors import DataError, brief, first_of

Undrawn = Literal["error", "exclude"]
"""What happens to shapes without an area."""

_ANY = "any"
_SHOWN = 80


class SuperviselyLabels(NotedLabels):
    """A `ReadLabel` of annotations; later objects cover earlier ones.

    Shapes cover the pixels that supervisely 6.74 draws: `Annotation.from_json` cuts them at the
    border of the image, `Label.get_mask` fills them.

    Args:
        ids: file id of each label.
        kinds: of the shapes of each class of the project.
        unlabelled: file id of the pixels of no shape.
        undrawn: shapes without an area are an error, or left out.
    """

    def __init__(
        self,
        ids: Mapping[str, int],
        kinds: Mapping[str, str],
        *,
        unlabelled: int,
        undrawn: Undrawn,
    ) -> None:
        self._ids = dict(ids)
        self._kinds = dict(kinds)
        self._unlabelled = unlabelled
        self._undrawn = undrawn
        super().__init__()

    @property
    def settings(self) -> str:
        """Return the settings beside the classes that decide what is read."""
        return f"({self._ids}, {self._kinds}, {self._unlabelled}, {self._undrawn})"

    def __call__(self, path: Location) -> NDArray[Any]:
        """Draw the objects of an annotation as file ids, int32, H x W.

        Raises:
            DataError: it cannot be read, has a shape that cannot be drawn, or a label that is no
                class.
            ConfigError: a shape needs an extra.
        """
        content = read_annotation(path)
        width, height = size = _size(content.get("size"), path)
        shapes = [
            (at, shape, _kind(shape, self._kinds, f"{path}: object {at}"))
            for at, shape in enumerate(content["objects"])
        ]
        self._check_kinds(Counter(kind for *_, kind in shapes), path)
        shapes = [each for each in shapes if each[2] in DRAWN_KINDS]
        unknown = sorted({shape["classTitle"] for _, shape, _ in shapes} - set(self._ids))
        ids = self._ids | {name: -number for number, name in enumerate(unknown, start=1)}
        label_HW = np.full((height, width), self._unlabelled, np.int32)
        painter = ShapePainter(size)
        empty = []
        for at, shape, kind in shapes:
            name = shape["classTitle"]
            place = f"object {at} ({name[:_SHOWN]!r}, {kind})"
            parts = painter.draw(kind, shape, f"{path}: {place}")
            for part in parts:
                part.paint(label_HW, ids[name])
            if not any(part.mask_HW.any() for part in parts):
                empty.append(place)
        self._note(path, empty)
        if unknown:
            pixels = {name: int((label_HW == ids[name]).sum()) for name in unknown}
            raise no_class_error(path, pixels, list(self._ids))
        return label_HW

    def _check_kinds(self, kinds: Mapping[str, int], path: Location) -> None:
        others = {kind: count for kind, count in kinds.items() if kind not in DRAWN_KINDS}
        if others and self._undrawn == "error":
            listed = first_of([f"{count} {brief(kind)}" for kind, count in others.items()])
            raise DataError(
                f"{path}: shapes without an area: {listed}; allowed: {', '.join(DRAWN_KINDS)}\n"
                "  give them an area in Supervisely, or leave them out: dataset.undrawn=exclude",
                fault="label_kind",
            )


def has_area(kind: str, of_class: str) -> bool:
    """Return whether a shape of a kind (empty: the class decides) has an area."""
    return (kind or of_class) in DRAWN_KINDS


def _kind(shape: Mapping[str, Any], kinds: Mapping[str, str], where: str) -> str:
    """Return the kind of an object.

    Raises:
        DataError: its class has shapes of another kind.
    """
    own, of_class = kind_of(shape), kinds.get(shape["classTitle"], _ANY)
    if of_class != _ANY and own not in ("", of_class):
        raise DataError(
            f"{where} is of the kind {brief(own)}, and its class {brief(shape['classTitle'])} of"
            f" the kind {brief(of_class)}\n  convert one of them in Supervisely",
            fault="annotation",
        )
    return own or of_class


def _size(content: Any, path: Location) -> Size:
    sides = content if isinstance(content, dict) else {}
    width, height = sides.get("width"), sides.get("height")
    if type(width) is not int or type(height) is not int or min(width, height) < 1:
        raise DataError(
            f"{path}: size is {brief(content)}; width and height are needed, whole numbers above 0",
            fault="annotation",
        )
    if width * height > MAX_PIXELS:
        raise DataError(
            f"{path}: the image has more than {MAX_PIXELS} pixels; cut it into tiles",
            fault="too_large",
        )
    return width, height
