"""An index of a COCO annotation file: what is annotated where, without the shapes themselves."""

import logging
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.json_arrays import Element, iter_elements
from seg.data.readers.urls import MAX_JSON_BYTES
from seg.errors import DataError, brief
from seg.io.source import Source

KIND = "annotation file"
BOX, POLYGONS, RUNS = range(3)
"""How an annotation gives its pixels: a box alone, polygons, a run-length encoding."""

CROWD = 4
"""Added to the kind where `iscrowd` is 1."""

_log = logging.getLogger(__name__)
_NOT_COCO = "not in the format of COCO instances"


@dataclass(frozen=True)
class ListedImage:
    """An image that the file lists.

    Attributes:
        id: of the image in the file.
        name: its path (`file_name`), with `/`; of one that leads out of the dataset the last part.
        width, height: in px, as the file has them.
    """

    id: int | str
    name: str
    width: Any
    height: Any


@dataclass(frozen=True, eq=False)
class CocoIndex:
    """The images, categories and places of the N annotations of a file.

    Attributes:
        path: the file.
        state: its size in bytes and its time of change in ns.
        categories: names by id, in the order of the file.
        images: in the order of the file.
        places: int64, N x 4, ordered by image and then as in the file: position in the file's list,
            first byte, byte behind the last, id of the category.
        kinds: uint8, N, `BOX`, `POLYGONS` or `RUNS`, plus `CROWD`.
        first: int64, images + 1: the annotations of image i are first[i] to first[i + 1].
    """

    path: Path
    state: tuple[int, int]
    categories: tuple[tuple[int, str], ...]
    images: tuple[ListedImage, ...]
    places: NDArray[np.int64]
    kinds: NDArray[np.uint8]
    first: NDArray[np.int64]

    @property
    def source(self) -> Source:
        """Return the file, for messages."""
        return Source(self.path, KIND, max_bytes=MAX_JSON_BYTES)


def read_index(path: Path) -> CocoIndex:
    """Read a file through, once a process while it does not change; its shapes are left there.

    Memory grows with the number of images and annotations, not with the corners of the shapes.

    Raises:
        DataError: the file is missing or no JSON, is not in COCO's format, an id or a file name
            occurs twice, or an annotation is of no image.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path}: {KIND} not found", fault="missing") from error
    return _read(path, (status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=8)
def _read(path: Path, state: tuple[int, int]) -> CocoIndex:
    images: list[ListedImage] = []
    categories: dict[int, str] = {}
    annotations = _Annotations(path)
    present: set[str] = set()
    outside: list[str] = []
    for element in iter_elements(Source(path, KIND, max_bytes=MAX_JSON_BYTES)):
        present.add(element.array)
        if element.array == "images":
            images.append(_image(element, path, outside))
        elif element.array == "annotations":
            annotations.add(element)
        elif element.array == "categories":
            id_, name = _category(element, path)
            if id_ in categories:
                raise DataError(f"{path}: category {element.at} ({name!r}): the id {id_} repeats")
            categories[id_] = name
    for key in ("images", "annotations", "categories"):
        if key not in present:
            raise DataError(f"{path}: no list {key!r} with content: {_NOT_COCO}", fault="damaged")
    if outside:
        _log.info(
            "%s: %d of %d images are listed by paths that lead out of the dataset, such as %s; the"
            " last part of these paths is looked for",
            path, len(outside), len(images), brief(outside[0]),
        )  # fmt: skip
    positions = _positions(images, path)
    return CocoIndex(
        path, state, tuple(categories.items()), tuple(images), *annotations.ordered(positions)
    )


class _Annotations:
    """Collects the places of annotations; images may be listed behind them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers: dict[int | str, int] = {}  # of the images, as they occur
        self._examples: list[int] = []  # an annotation of each
        self._images, self._places = array("q"), array("q")
        self._kinds = array("B")

    def add(self, element: Element) -> None:
        content = element.value
        where = f"{self._path}: annotation {element.at}"
        image = _field(content, "image_id", int | str, where)
        category = _field(content, "category_id", int, where)
        crowd = content.get("iscrowd", 0)
        if crowd not in (0, 1) or abs(category) >= 2**62:
            raise DataError(
                f"{where}: iscrowd is {brief(crowd)}, category_id {brief(category)}: {_NOT_COCO}",
                fault="damaged",
            )
        number = self._numbers.setdefault(image, len(self._numbers))
        if number == len(self._examples):
            self._examples.append(element.at)
        self._images.append(number)
        self._places.extend((element.at, element.start, element.end, category))
        self._kinds.append(kind_of(content.get("segmentation")) + CROWD * int(crowd))

    def ordered(
        self, positions: Mapping[int | str, int]
    ) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]:
        """Return `places`, `kinds` and `first` of a `CocoIndex`.

        Args:
            positions: of the images by their ids.
        """
        orphans = [id_ for id_ in self._numbers if id_ not in positions]
        if orphans:
            at = self._examples[self._numbers[orphans[0]]]
            raise DataError(
                f"{self._path}: {len(orphans)} images have annotations and are not in 'images':"
                f" annotation {at} has image_id {brief(orphans[0])}\n"
                "  list the images, or remove their annotations",
                fault="no_partner",
            )
        position_of = np.array([positions[id_] for id_ in self._numbers], np.int64)
        images = position_of[np.asarray(self._images, np.int64)]
        order = np.argsort(images, kind="stable")
        places = np.asarray(self._places, np.int64).reshape(-1, 4)[order]
        kinds = np.asarray(self._kinds, np.uint8)[order]
        counts = np.bincount(images, minlength=len(positions))
        return places, kinds, np.concatenate(([0], np.cumsum(counts))).astype(np.int64)


def kind_of(segmentation: Any) -> int:
    """Return how an annotation gives its pixels; what is none of both is left to its reader."""
    if not segmentation or segmentation == [[]]:
        return BOX
    return RUNS if isinstance(segmentation, dict) else POLYGONS


def _image(element: Element, path: Path, outside: list[str]) -> ListedImage:
    where = f"{path}: image {element.at}"
    id_ = _field(element.value, "id", int | str, where)
    name = _field(element.value, "file_name", str, where).replace("\\", "/")
    place = PurePosixPath(name)
    if not place.parts or place.name == ".." or "\0" in name or name.endswith("/"):
        raise DataError(
            f"{where}: file_name is {brief(name)}; the path of a file is needed", fault="damaged"
        )
    if place.is_absolute() or ".." in place.parts:
        # Label Studio copies images to images/ and lists them where they lay on its server.
        outside.append(name)
        place = PurePosixPath(place.name)
    return ListedImage(
        id_, place.as_posix(), element.value.get("width"), element.value.get("height")
    )


def _category(element: Element, path: Path) -> tuple[int, str]:
    where = f"{path}: category {element.at}"
    id_ = _field(element.value, "id", int, where)
    name = _field(element.value, "name", str, where).strip()
    if not name:
        raise DataError(f"{where}: its name is empty", fault="damaged")
    return id_, name


def _field(content: Any, key: str, kind: Any, where: str) -> Any:
    value = content.get(key) if isinstance(content, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise DataError(f"{where}: {key} is {brief(value)}: {_NOT_COCO}", fault="damaged")
    return value


def _positions(images: list[ListedImage], path: Path) -> dict[int | str, int]:
    positions: dict[int | str, int] = {}
    names: dict[str, int] = {}
    for at, image in enumerate(images):
        if image.id in positions or image.name in names:
            key = "id" if image.id in positions else "file_name"
            other = positions.get(image.id, names.get(image.name))
            raise DataError(
                f"{path}: image {at} has the {key} of image {other}:"
                f" {brief(image.id if key == 'id' else image.name)}",
                fault="duplicate",
            )
        positions[image.id] = names[image.name] = at
    return positions
