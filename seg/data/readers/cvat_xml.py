"""CVAT's XML ("CVAT for images 1.1"): its labels and images, and the shapes of one image."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath

from seg.data.readers.urls import MAX_JSON_BYTES
from seg.errors import DataError, brief
from seg.io.source import Source
from seg.io.xml_parser import XmlParser

KIND = "annotation file"
AREAS = ("polygon", "box", "ellipse", "mask")
"""Shapes that CVAT draws in its masks."""

UNDRAWN = ("polyline", "points", "cuboid", "skeleton")
"""Shapes that CVAT leaves out of its masks."""

_LABEL_KEYS = ("name", "color", "type", "parent")
_REMEDY = 'in CVAT export the task or project as "CVAT for images 1.1"'


@dataclass(frozen=True)
class CvatLabel:
    """A label of the file's own list.

    Attributes:
        name: of the label.
        color: `#rrggbb` as the file has it; empty: none.
        kind: the shapes that CVAT allows for it: `any`, `polygon`, ...; empty: not given.
        parent: the skeleton that it is a part of; empty: none.
    """

    name: str
    color: str
    kind: str
    parent: str


@dataclass(frozen=True)
class CvatImage:
    """An image that the file lists.

    Attributes:
        name: its path, with `/`.
        subset: that the image, the task or the file's name gives; empty: none.
        width, height: as the file has them.
        start: its first byte in the file.
        line: in the file.
        labels: how many shapes with an area each label has.
        num_undrawn: how many other shapes there are; those outside the image do not count.
        num_mixed_groups: how many groups hold shapes with several labels.
    """

    name: str
    subset: str
    width: str
    height: str
    start: int
    line: int
    labels: Mapping[str, int]
    num_undrawn: int
    num_mixed_groups: int


@dataclass(frozen=True, eq=False)
class CvatFile:
    """An annotation file.

    Attributes:
        path: the file.
        state: its size in bytes and its time of change in ns.
        labels: in the order of the file.
        images: in the order of the file.
    """

    path: Path
    state: tuple[int, int]
    labels: tuple[CvatLabel, ...]
    images: tuple[CvatImage, ...]


@dataclass(frozen=True)
class CvatShape:
    """A shape of an image: its kind, attributes as text, and line in the file."""

    kind: str
    attributes: Mapping[str, str]
    line: int


def read_cvat_file(path: Path) -> CvatFile:
    """Read a file through, once a process while it does not change; its shapes are left there.

    Raises:
        DataError: it is missing, too large, no XML in UTF-8, declares a document type, or is not
            in this format; with the line.
    """
    with Source(path, KIND).errors():
        status = path.stat()
    return _read(path, (status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=256)
def _read(path: Path, state: tuple[int, int]) -> CvatFile:
    source = Source(path, KIND, _REMEDY, MAX_JSON_BYTES)
    source.check_size(state[0])
    index = _Index(source)
    with source.errors(), path.open("rb") as file:
        index.parse(file)
    return CvatFile(path, state, tuple(index.labels), tuple(index.images))


def read_shapes(file: CvatFile, image: CvatImage) -> list[CvatShape]:
    """Read the shapes of an image, in the order of the file.

    Raises:
        DataError: the file has changed since it was read, or is damaged.
    """
    reader = _Shapes(Source(file.path, KIND, _REMEDY, MAX_JSON_BYTES), image.line)
    with reader.source.errors(), file.path.open("rb") as stream:
        status = os.fstat(stream.fileno())
        if (status.st_size, status.st_mtime_ns) != file.state:
            raise DataError(
                f"{file.path}: has changed since it was read; give the command again",
                fault="changed",
            )
        stream.seek(image.start)
        reader.parse(stream)
    return reader.shapes


@dataclass
class _OpenImage:
    attributes: Mapping[str, str]
    start: int
    line: int
    labels: Counter[str] = field(default_factory=Counter)
    groups: dict[str, set[str]] = field(default_factory=dict)
    num_undrawn: int = 0


class _Index(XmlParser):
    """The labels and images of a whole file."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.labels: list[CvatLabel] = []
        self.images: list[CvatImage] = []
        self._text: list[str] = []
        self._label: dict[str, str] = {}
        self._task_subset = ""
        self._image: _OpenImage | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._text.clear()
        depth = len(self.path)
        if depth == 0 and tag != "annotations":
            self.fail(f"<{tag[:80]}> is not in CVAT's format\n  {_REMEDY}", fault="label_kind")
        if depth == 1 and tag == "track":
            self.fail(
                f'is an export as "CVAT for video 1.1", which holds tracks\n  {_REMEDY}',
                fault="label_kind",
            )
        if depth == 1 and tag == "image":
            self._image = _OpenImage(attributes, self.byte, self.line)
        elif depth == 2 and self._image is not None:
            self._count(self._image, tag, attributes)
        elif tag == "label" and self.path[-1] == "labels":
            self._label = {}

    def end(self, tag: str) -> None:
        text = "".join(self._text).strip()
        self._text.clear()
        above = self.path[:-1]
        if above[1:2] != ["meta"]:
            if len(above) == 1 and self._image is not None:
                self._close(self._image)
        elif above[-1] == "label" and tag in _LABEL_KEYS:
            self._label[tag] = text
        elif tag == "label" and above[-1] == "labels":
            if not self._label.get("name"):
                self.fail("a label has no name")
            self.labels.append(CvatLabel(*(self._label.get(key, "") for key in _LABEL_KEYS)))
        elif tag == "subset" and above == ["annotations", "meta", "task"]:
            self._task_subset = text

    def _count(self, image: _OpenImage, tag: str, attributes: Mapping[str, str]) -> None:
        if tag not in (*AREAS, *UNDRAWN, "tag"):
            allowed = ", ".join((*AREAS, *UNDRAWN))
            self.fail(f"<{tag[:80]}> is no known shape; allowed: {allowed}", fault="label_kind")
        if tag == "tag" or is_outside(attributes):
            return
        if tag in UNDRAWN:
            image.num_undrawn += 1
            return
        label = attributes.get("label", "")
        image.labels[label] += 1
        group = attributes.get("group_id", "0")
        if group != "0":
            image.groups.setdefault(group, set()).add(label)

    def _close(self, image: _OpenImage) -> None:
        self._image = None
        name = image.attributes.get("name", "")
        parts = PurePosixPath(name).parts
        if not parts or name[:1] == "/" or ".." in parts or "\0" in name:
            raise DataError(
                f"{self.source.location}, line {image.line}: the name of the image is"
                f" {brief(name)}; a path within the directory of the images is needed",
                fault="damaged",
            )
        self.images.append(
            CvatImage(
                name=name,
                subset=image.attributes.get("subset", self._task_subset),
                width=image.attributes.get("width", ""),
                height=image.attributes.get("height", ""),
                start=image.start,
                line=image.line,
                labels=dict(image.labels),
                num_undrawn=image.num_undrawn,
                num_mixed_groups=sum(len(labels) > 1 for labels in image.groups.values()),
            )
        )

    def text(self, text: str) -> None:
        if self.path[1:2] == ["meta"]:
            self._text.append(text)


class _Shapes(XmlParser):
    """The shapes of one image."""

    def __init__(self, source: Source, first_line: int) -> None:
        super().__init__(source, first_line)
        self.shapes: list[CvatShape] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self.path) == 1 and tag != "tag":
            self.shapes.append(CvatShape(tag, attributes, self.line))

    def end(self, tag: str) -> None:
        if len(self.path) == 1:
            self.stop()


def is_outside(attributes: Mapping[str, str]) -> bool:
    """Return whether the file says that a shape is not in the image."""
    return attributes.get("outside") == "1"
