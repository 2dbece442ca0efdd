"""Projects of Supervisely on disk: `meta.json`, and datasets of images with annotations."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from seg.data.readers.class_table import rgb
from seg.data.readers.color_labels import Color
from seg.data.readers.image_label_pairs import IMAGE_SUFFIXES
from seg.data.readers.unread_files import UnreadFiles, is_hidden
from seg.data.readers.urls import Location, read_json
from seg.errors import DataError, brief

META = "meta.json"
_IMAGES, _ANNOTATIONS, _NESTED = "img", "ann", "datasets"
_OTHER_DIRECTORIES = frozenset(("img_info", "seg", "meta", "blob"))
_ANY = "any"


@dataclass(frozen=True)
class ProjectClass:
    """A class of a project.

    Attributes:
        name: its title.
        kind: of its shapes; `any`: each shape has its own.
        color: in which the tool draws it.
    """

    name: str
    kind: str
    color: Color


@dataclass(frozen=True)
class Item:
    """An image and its annotation; one of them may be missing.

    Attributes:
        dataset: names of the dataset and of those that it is nested in, outermost first.
        name: of the image file, as far as it is known.
    """

    dataset: PurePosixPath
    name: str
    image: Path | None
    annotation: Path | None


@dataclass(frozen=True)
class Summary:
    """What classes, splits and pairs need of an annotation.

    Attributes:
        shapes: how many there are of each class and kind; the kind is empty where the class
            decides.
        tags: names of those of the image.
        fault: why it cannot be read; reading the sample reports it.
    """

    shapes: Mapping[tuple[str, str], int]
    tags: frozenset[str] = frozenset()
    fault: DataError | None = None


def read_meta(root: Path) -> tuple[ProjectClass, ...]:
    """Return the classes of a project, in its order.

    Raises:
        DataError: `meta.json` is missing, damaged, of no project of images, or names a class twice.
    """
    path = root / META
    content = read_json(path, "project file")
    classes = content.get("classes") if isinstance(content, dict) else None
    if not isinstance(classes, list):
        raise DataError(
            f"{path}: no list 'classes': not a project of Supervisely", fault="label_kind"
        )
    kind = content.get("projectType", "images")
    if kind != "images":
        raise DataError(
            f"{path}: projectType is {brief(kind)}; only projects of images are read",
            fault="label_kind",
        )
    read = tuple(_class(each, f"{path}: class {at}") for at, each in enumerate(classes))
    name, times = next(iter(Counter(each.name for each in read).most_common(1)), ("", 0))
    if times > 1:
        raise DataError(f"{path}: class {name!r} occurs {times} times", fault="duplicate")
    return read


def find_items(root: Path) -> list[Item]:
    """Return the images and annotations of all datasets of a project, sorted.

    A dataset is a directory with `img/` and `ann/`; others nest in its `datasets/`, or in it.

    Raises:
        DataError: there is no dataset, an annotation fits two images, or two datasets have one
            name.
    """
    items: list[Item] = []
    places: dict[PurePosixPath, Path] = {}
    unread = UnreadFiles(root)
    for directory in _datasets(root):
        below = PurePosixPath(directory.relative_to(root).as_posix())
        name = PurePosixPath(*(part for part in below.parts if part != _NESTED))
        if (other := places.setdefault(name, directory)) != directory:
            raise DataError(
                f"{other} and {directory} are both the dataset {name}; rename one",
                fault="duplicate",
            )
        items += _items(directory, name, root, unread)
    unread.log()
    if not places:
        raise DataError(
            f"{root}: no dataset: no directory holds {_ANNOTATIONS}/\n"
            f"  looked for DATASET/{_IMAGES}/a.jpg and DATASET/{_ANNOTATIONS}/a.jpg.json",
            fault="missing",
        )
    return items


def summarize(annotation: Path) -> Summary:
    """Return what an annotation holds, read once a process while it does not change."""
    try:
        status = annotation.stat()
        return _summarize(annotation, status.st_mtime_ns, status.st_size)
    except OSError as error:
        return Summary({}, fault=DataError(f"{annotation}: {error.strerror}", fault="missing"))
    except DataError as error:
        return Summary({}, fault=error)


def read_annotation(path: Location) -> dict[str, Any]:
    """Read an annotation.

    Raises:
        DataError: it cannot be read, or is none.
    """
    content = read_json(path, "annotation")
    objects = content.get("objects") if isinstance(content, dict) else None
    if not isinstance(objects, list):
        raise DataError(f"{path}: no list 'objects': not of Supervisely", fault="label_kind")
    for at, shape in enumerate(objects):
        label = shape.get("classTitle") if isinstance(shape, dict) else None
        if not isinstance(label, str) or not label:
            raise DataError(f"{path}: object {at} has no classTitle", fault="annotation")
    return dict(content)


def kind_of(shape: Mapping[str, Any]) -> str:
    """Return the kind that an object gives itself; empty: it gives none."""
    return str(shape.get("geometryType") or shape.get("shape") or "")


@lru_cache(maxsize=200_000)
def _summarize(path: Path, modified_ns: int, size: int) -> Summary:
    del modified_ns, size  # parts of the key: a changed file is read again
    content = read_annotation(path)
    tags = content.get("tags")
    names = {
        tag.get("name") if isinstance(tag, dict) else tag
        for tag in (tags if isinstance(tags, list) else ())
        if isinstance(tag, dict | str)
    }
    return Summary(
        Counter((shape["classTitle"], kind_of(shape)) for shape in content["objects"]),
        frozenset(name for name in names if isinstance(name, str)),
    )


def _class(content: Any, where: str) -> ProjectClass:
    name = content.get("title") if isinstance(content, dict) else None
    if not isinstance(name, str) or not name:
        raise DataError(f"{where} has no title", fault="damaged")
    color = rgb(content.get("color"), f"{where} ({brief(name)})")
    return ProjectClass(name, str(content.get("shape") or _ANY), color)


def _datasets(root: Path) -> Iterator[Path]:
    for place, below, _ in os.walk(root):
        directory = Path(place)
        if directory != root and _ANNOTATIONS in below:
            yield directory
            apart = {_IMAGES, _ANNOTATIONS, *_OTHER_DIRECTORIES}
            below[:] = [name for name in below if name not in apart]
        below[:] = sorted(name for name in below if not is_hidden(PurePosixPath(name)))


def _items(directory: Path, name: PurePosixPath, root: Path, unread: UnreadFiles) -> list[Item]:
    images = _files(directory / _IMAGES, IMAGE_SUFFIXES, root, unread)
    annotations = _files(directory / _ANNOTATIONS, (".json",), root, unread)
    items: list[Item] = []
    used: dict[str, str] = {}
    for image, path in images.items():
        # The latter is how older versions name them.
        named = (f"{image}.json", f"{PurePosixPath(image).stem}.json")
        annotation = next((each for each in named if each in annotations), None)
        if annotation is not None and annotation in used:
            raise DataError(
                f"{annotations[annotation]} fits two images: {used[annotation]} and {image}\n"
                f"  call it {used[annotation]}.json or {image}.json",
                fault="duplicate",
            )
        if annotation is not None:
            used[annotation] = image
        items.append(Item(name, image, path, annotations.get(annotation or "")))
    alone = [each for each in annotations if each not in used]
    return items + [Item(name, each, None, annotations[each]) for each in alone]


def _files(
    directory: Path, suffixes: tuple[str, ...], root: Path, unread: UnreadFiles
) -> dict[str, Path]:
    files = {}
    for path in sorted(directory.iterdir()) if directory.is_dir() else ():
        relative = path.relative_to(root)
        if path.suffix.lower() in suffixes and not is_hidden(relative):
            files[path.name] = path
        elif path.is_file():
            unread.add(relative)
    return files
