"""The files of CVAT exports: annotation files, directories of images, subsets."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from seg.data.readers.cvat_xml import CvatFile, CvatImage, read_cvat_file
from seg.data.readers.dataset_root import find_root
from seg.data.readers.image_label_pairs import IMAGE_SUFFIXES
from seg.data.readers.splits import find_split, no_split_error, split_names
from seg.data.readers.unread_files import is_hidden, log_once, log_unlisted
from seg.errors import DataError

_XML = "annotations.xml"
_IMAGES = "images"
_PLAIN = ("", "default", "annotations")  # names that say nothing about the split
_HOW_TO_GET = (
    'in CVAT export the task or project as "CVAT for images 1.1" with "Save images", and unpack it'
)


@dataclass(frozen=True, eq=False)
class CvatExport:
    """An annotation file with the images that lie beside it.

    Attributes:
        file: the annotation file.
        name: of its directory below the root; empty: it lies in the root.
        directory: of the images.
        images: the image files in it, by their paths relative to it.
        by_stem: the same by their paths without suffix.
    """

    file: CvatFile
    name: str
    directory: Path
    images: dict[str, Path]
    by_stem: dict[str, Path]

    def subset(self, image: CvatImage) -> str:
        """Return the subset of an image; empty: nothing says so."""
        own = [image.subset, self.file.path.stem, self.name]
        return next((each for each in own if each.lower() not in _PLAIN), "")

    def find(self, image: CvatImage) -> Path:
        """Return the file of an image; where it is missing, the path that it should have.

        Projects have a directory a subset; frames of videos are listed without their suffix.
        """
        name = PurePosixPath(image.name).as_posix()
        in_subset = f"{image.subset}/{name}" if image.subset else name
        places = (in_subset, name)
        for among in (self.images, self.by_stem):
            for place in places:
                if place in among:
                    return among[place]
        return self.directory / name


@dataclass(frozen=True, eq=False)
class ListedImage:
    """An image of a split: its entry, its export and its file."""

    image: CvatImage
    export: CvatExport
    path: Path


def find_exports(
    root: str | Path | None, images: str | Path | None
) -> tuple[Path, list[CvatExport]]:
    """Return the directory of a dataset and the exports in it.

    Args:
        root: the configured directory; None: the usual one.
        images: the directory of the images, relative to each annotation file; None: `images`.

    Raises:
        DataError: there are none, or a file cannot be read.
    """
    where = find_root(root, dataset="cvat_images", expected=(), how_to_get=_HOW_TO_GET)
    paths = sorted(where.glob("[!.]*.xml")) if where.is_dir() else []
    if not paths and where.is_dir():
        paths = sorted(where.glob(f"[!.]*/{_XML}"))
    if not paths:
        find_root(root, dataset="cvat_images", expected=(_XML,), how_to_get=_HOW_TO_GET)
    exports = []
    for path in paths:
        directory = path.parent / (_IMAGES if images is None else images)
        files = _image_files(directory)
        by_stem = {PurePosixPath(name).with_suffix("").as_posix(): files[name] for name in files}
        name = "" if path.parent == where else path.parent.name
        exports.append(CvatExport(read_cvat_file(path), name, directory, files, by_stem))
    return where, exports


def files_of_split(
    exports: Sequence[CvatExport], split: str, where: Path
) -> tuple[dict[str, ListedImage], bool]:
    """Return the images of a split by the names of their samples, and whether they are split.

    Where no subset means a split, all images are returned.

    Raises:
        DataError: there is no such split, or an image is listed twice.
    """
    subsets = {export.subset(image) for export in exports for image in export.file.images}
    if not subsets:
        raise DataError(f"{exports[0].file.path}: lists no image", fault="empty")
    name = find_split(split, subsets - {""}, where)
    is_split = name is not None or bool(split_names(subsets))
    if name is None and is_split:
        raise no_split_error(split, sorted(subsets - {""}), where)
    if not is_split and len(subsets) > 1:
        log_once(f"{where}: no subset means a split; all are split by dataset.val_fraction")
    chosen = [
        ListedImage(image, export, export.find(image))
        for export in exports
        for image in export.file.images
        if not is_split or export.subset(image) == name
    ]
    return _named(chosen), is_split


def log_unlisted_images(exports: Sequence[CvatExport]) -> None:
    """Log the image files that no annotation file lists."""
    listed = {export.find(image) for export in exports for image in export.file.images}
    for directory, images in {export.directory: export.images for export in exports}.items():
        names = [name for name, path in images.items() if path not in listed]
        log_unlisted(directory, names, directory.parent)


def _named(chosen: Sequence[ListedImage]) -> dict[str, ListedImage]:
    paths: dict[Path, ListedImage] = {}
    for each in chosen:
        other = paths.setdefault(each.path, each)
        if other is not each:
            raise DataError(
                f"{each.path} is listed twice: {other.export.file.path}, line {other.image.line},"
                f" and {each.export.file.path}, line {each.image.line}",
                fault="duplicate",
            )
    named: dict[str, ListedImage] = {}
    for path, each in paths.items():
        below = PurePosixPath(each.export.name, path.relative_to(each.export.directory).as_posix())
        name = below.with_suffix("").as_posix()
        named[below.as_posix() if name in named else name] = each
    return named


def _image_files(directory: Path) -> dict[str, Path]:
    """Return the image files at any depth, sorted, by their paths relative to a directory."""
    files = {}
    for place, below, names in os.walk(directory):
        below[:] = sorted(name for name in below if not is_hidden(PurePosixPath(name)))
        for name in sorted(names):
            path = Path(place, name)
            if path.suffix.lower() in IMAGE_SUFFIXES and not is_hidden(PurePosixPath(name)):
                files[path.relative_to(directory).as_posix()] = path
    return files
