"""Where the files of COCO instances lie, as COCO and annotation tools lay them out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from seg.data.readers.coco_index import CocoIndex, read_index
from seg.data.readers.dataset_root import find_root
from seg.data.readers.image_label_pairs import IMAGE_SUFFIXES
from seg.data.readers.splits import find_split, no_split_error, split_names
from seg.data.readers.unread_files import is_hidden, log_unlisted
from seg.errors import DataError, first_of

_SPLIT = "{split}"
_SPLIT_FILES = (
    "annotations/instances_{split}2017.json",  # COCO
    "annotations/instances_{split}2014.json",
    "{split}/_annotations.coco.json",  # Roboflow
    "annotations/instances_{split}.json",  # CVAT, Datumaro
)
_WHOLE_FILES = (
    "annotations/instances_default.json",  # CVAT
    "result.json",  # Label Studio
    "_annotations.coco.json",
)
_LOOKED_AT = 50  # listed images that tell where images lie


@dataclass(frozen=True)
class CocoLayout:
    """The files of one split.

    Attributes:
        root: the directory of the dataset.
        file: the annotation file.
        split: as the name of the file has it; None: the file holds all images.
        others: the annotation files of other splits.
        images: the configured directory of the images, `{split}` within; None: looked for.
    """

    root: Path
    file: Path
    split: str | None
    others: tuple[tuple[str, Path], ...]
    images: str | None

    def image_directory(self, index: CocoIndex) -> Path:
        """Return the directory that the paths of the listed images start from.

        Raises:
            DataError: no listed image lies in any of the usual ones.
        """
        return self._image_directory(index, self.split, self.file)

    def log_unlisted(self, index: CocoIndex, directory: Path) -> None:
        """Log the image files that no annotation file lists, beside and below the listed ones."""
        listed = {directory / image.name for image in index.images}
        parents = {path.parent for path in listed}
        unread = set(self._image_files(parents, directory)) - listed
        if unread:  # the directory may hold several splits
            for split, path in self.others:
                other = read_index(path)
                place = self._image_directory(other, split, path)
                unread -= {place / image.name for image in other.images}
        names = sorted(path.relative_to(directory).as_posix() for path in unread)
        log_unlisted(directory, names, self.file.parent if self.others else self.file)

    def _image_files(self, parents: set[Path], directory: Path) -> Iterator[Path]:
        # The root holds more than the images of one split.
        searched = (
            (path for parent in parents if parent.is_dir() for path in parent.iterdir())
            if directory == self.root
            else directory.rglob("*")
        )
        for path in searched:
            if path.suffix.lower() in IMAGE_SUFFIXES and not is_hidden(path.relative_to(directory)):
                yield path

    def _image_directory(self, index: CocoIndex, split: str | None, file: Path) -> Path:
        step = max(1, len(index.images) // _LOOKED_AT)
        names = [image.name for image in index.images[::step]]
        directories = self._candidates(split, file)
        present = [sum((each / name).is_file() for name in names) for each in directories]
        best = present.index(max(present))
        if present[best] or (self.images is not None and directories[best].is_dir()):
            return directories[best]
        where = first_of([_relative(each, self.root) for each in directories], len(directories))
        raise DataError(
            f"{file}: its images, such as {names[0][:80]!r}, are not in {self.root}\n"
            f"  looked in: {where}\n"
            "  give the directory that these paths start from: dataset.images=DIRECTORY",
            fault="missing",
        )

    def _candidates(self, split: str | None, file: Path) -> list[Path]:
        if self.images is not None:
            return [self.root / self.images.replace(_SPLIT, split or "")]
        stem = file.stem.removeprefix("instances_")
        names = dict.fromkeys((stem, split or stem))
        places = [file.parent, *(self.root / name for name in names)]
        places += [self.root / "images" / name for name in names]
        return list(dict.fromkeys((*places, self.root / "images", self.root)))


def find_layout(
    root: str | Path | None,
    split: str,
    *,
    annotations: str | None,
    images: str | None,
    how_to_get: str,
) -> CocoLayout:
    """Find the annotation file of a split.

    Args:
        root: the directory; None: `$SEG_DATA/coco` or `data/coco`.
        split: `train`, `val`, `test` in any spelling, or the name that a file bears.
        annotations: the file in the root, with `{split}`; None: as tools name it.
        images: the directory of the images in the root, with `{split}`; None: looked for.
        how_to_get: where the files come from, for messages.

    Raises:
        DataError: there is no such directory or file, none of this split, or there are several.
    """
    where = find_root(root, dataset="coco", expected=(), how_to_get=how_to_get)
    patterns = _SPLIT_FILES if annotations is None else (annotations,)
    whole_files = _WHOLE_FILES if annotations is None else (annotations,)
    by_split = [_by_split(where, each) for each in patterns if _SPLIT in each]
    of_split = [(find_split(split, each, where), each) for each in by_split]
    files: list[tuple[str | None, Path]]
    files = [(name, each[name]) for name, each in of_split if name is not None]
    others = {path: name for each in reversed(by_split) for name, path in each.items()}
    if not files and not split_names(others.values()):
        whole = [where / each for each in whole_files if (where / each).is_file()]
        files = [(None, path) for path in dict.fromkeys(whole)]
        if not files:
            shown = [each.replace(_SPLIT, split) for each in (*patterns, *whole_files)]
            expected = list(dict.fromkeys(shown))
            find_root(where, dataset="coco", expected=expected, how_to_get=how_to_get)
    if not files:
        raise no_split_error(split, set(others.values()), where)
    if len(files) > 1:
        both = " and ".join(_relative(path, where) for _, path in files)
        raise DataError(
            f"{where}: {both} are annotation files of the split {split!r}\n"
            f"  choose one: dataset.annotations={_relative(files[-1][1], where)}"
        )
    name, path = files[0]
    rest = tuple((other, each) for each, other in others.items() if each != path)
    return CocoLayout(where, path, name, rest, images)


def _by_split(root: Path, pattern: str) -> dict[str, Path]:
    """Return the files of a pattern by what stands for its `{split}`."""
    base, relative = root, pattern
    if Path(pattern).is_absolute():
        base, relative = Path("/"), pattern[1:]
    first, *others = map(re.escape, relative.split(_SPLIT))
    expression = re.compile("(?P<split>[^/]+)".join((first, "(?P=split)".join(others))))
    files = {}
    for path in sorted(base.glob("*".join(map(escape, relative.split(_SPLIT))))):
        match = expression.fullmatch(path.relative_to(base).as_posix())
        if match and path.is_file() and not is_hidden(path.relative_to(base)):
            files[match["split"]] = path
    return files


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
