"""Which image each JSON file of LabelMe annotates: `imagePath`, else the name."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath

from seg.data.readers.image_label_pairs import IMAGE_SUFFIXES
from seg.data.readers.polygons import label_names, read_annotation
from seg.data.readers.splits import split_names
from seg.data.readers.unread_files import UnreadFiles, is_hidden, warn_once
from seg.errors import DataError, first_of

_JSON = ".json"


@dataclass(frozen=True)
class Annotation:
    """What pairing and the classes need of a JSON file.

    Attributes:
        path: below the root.
        image_path: of its image, relative to its own directory, with slashes; None: it has none.
        labels: that occur in it.
        fault: why it cannot be read; reading the sample reports it.
    """

    path: PurePosixPath
    image_path: str | None = None
    labels: frozenset[str] = frozenset()
    fault: DataError | None = None


class AnnotatedTree:
    """The images and JSON files below a directory, paired as LabelMe pairs them.

    `imagePath` decides. Where it names no image below the root (it was moved, or the path is of
    another machine), it is an image of that name, or of the name of the JSON file: in the same
    directory, else in the directory that mirrors it.

    Args:
        root: the directory.

    Raises:
        DataError: two JSON files annotate one image.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        paths = _files(root)
        self.images = [path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES]
        self.annotations = [
            _annotation(root, path) for path in paths if path.suffix.lower() == _JSON
        ]
        self._present = set(self.images)
        # Where files lie together, one without its partner must not get that of another directory.
        self._is_apart = not (
            {image.parent for image in self.images}
            & {annotation.path.parent for annotation in self.annotations}
        )
        self._named: dict[str, list[PurePosixPath]] = {}
        for image in self.images:
            for name in {image.name.lower(), image.stem.lower()}:
                self._named.setdefault(name, []).append(image)
        self.pairs = self._pairs()

    @property
    def unpaired(self) -> list[Annotation]:
        """Return the JSON files whose image is not there."""
        paired = {annotation.path for annotation in self.pairs.values()}
        return [each for each in self.annotations if each.path not in paired]

    def _pairs(self) -> Mapping[PurePosixPath, Annotation]:
        pairs: dict[PurePosixPath, Annotation] = {}
        remaining = []
        for annotation in self.annotations:
            image = self._recorded(annotation)
            if image is None:
                remaining.append(annotation)
            else:
                self._add(pairs, image, annotation)
        by_name: dict[PurePosixPath, Annotation] = {}
        for annotation in remaining:
            image = self._of_same_name(annotation)
            if image is not None and image not in pairs:
                self._add(by_name, image, annotation)
        guesses = [f"{a.path} with {image}" for image, a in by_name.items() if _is_guess(a, image)]
        if guesses:
            warn_once(
                f"{self.root}: imagePath of {len(guesses)} JSON files names no image that is"
                f" there; paired by name: {first_of(guesses)}"
            )
        return pairs | by_name

    def _add(
        self,
        pairs: dict[PurePosixPath, Annotation],
        image: PurePosixPath,
        annotation: Annotation,
    ) -> None:
        if image in pairs:
            raise DataError(
                f"{self.root}: {pairs[image].path} and {annotation.path} annotate one image,"
                f" {image}; remove one",
                fault="no_partner",
            )
        pairs[image] = annotation

    def _recorded(self, annotation: Annotation) -> PurePosixPath | None:
        if annotation.image_path is None:
            return None
        place = os.path.normpath(annotation.path.parent / annotation.image_path)
        return PurePosixPath(place) if PurePosixPath(place) in self._present else None

    def _of_same_name(self, annotation: Annotation) -> PurePosixPath | None:
        """Return the one image of the name that the JSON file records or has itself."""
        directory = annotation.path.parent
        recorded = [PurePosixPath(annotation.image_path).name] if annotation.image_path else []
        for name in (*recorded, annotation.path.stem):
            alike = self._named.get(name.lower(), [])
            beside = [image for image in alike if image.parent == directory]
            mirrored = [image for image in alike if self._is_mirror(image.parent, directory)]
            flat = alike if self._is_apart and len(directory.parts) < 2 else []
            for images in (beside, mirrored, flat):
                if len(images) == 1:
                    return images[0]
                if images:
                    break
        return None

    def _is_mirror(self, one: PurePosixPath, other: PurePosixPath) -> bool:
        """Return whether two directories differ in one part: `images/7` and `labels/7`."""
        if not self._is_apart or len(one.parts) != len(other.parts):
            return False
        unlike = [pair for pair in zip(one.parts, other.parts, strict=True) if pair[0] != pair[1]]
        return len(unlike) == 1 and not split_names(unlike[0])


def unique_names(
    images: Collection[PurePosixPath], directories: Collection[PurePosixPath]
) -> dict[PurePosixPath, str]:
    """Return a name for each image: below its directory, without the suffix where that is unique.

    Args:
        images: paths below the root.
        directories: of the split; an image lies below one of them.
    """
    short = {image: str(_below(image, directories).with_suffix("")) for image in images}
    counts: dict[str, int] = {}
    for name in short.values():
        counts[name] = counts.get(name, 0) + 1
    return {image: name if counts[name] == 1 else str(image) for image, name in short.items()}


def _below(image: PurePosixPath, directories: Collection[PurePosixPath]) -> PurePosixPath:
    above = next((each for each in directories if image.is_relative_to(each)), PurePosixPath())
    return image.relative_to(above)


def _is_guess(annotation: Annotation, image: PurePosixPath) -> bool:
    """Return whether a pair is more of a guess than an image that was moved with its file."""
    if annotation.image_path is None:
        return annotation.path.parent != image.parent
    name = PurePosixPath(annotation.image_path).name
    return name.lower() != image.name.lower() or annotation.path.parent != image.parent


def _files(root: Path) -> Sequence[PurePosixPath]:
    """Return the images and JSON files below a directory, sorted, and count the others."""
    unread = UnreadFiles(root)
    paths = []
    for path in sorted(root.glob("**/*")):
        relative = path.relative_to(root)
        known = path.suffix.lower() in (*IMAGE_SUFFIXES, _JSON)
        if is_hidden(relative) or not known:
            if path.is_file():
                unread.add(relative)
            continue
        paths.append(PurePosixPath(relative.as_posix()))
    unread.log()
    return paths


def _annotation(root: Path, path: PurePosixPath) -> Annotation:
    file = root / path
    try:
        status = file.stat()
        image_path, labels = _content(str(file), status.st_mtime_ns, status.st_size)
    except OSError as error:
        return Annotation(path, fault=DataError(f"{file}: {error.strerror}", fault="missing"))
    except DataError as error:
        return Annotation(path, fault=error)
    return Annotation(path, image_path, labels)


@lru_cache(maxsize=200_000)
def _content(path: str, modified_ns: int, size: int) -> tuple[str | None, frozenset[str]]:
    """Return `imagePath` and the labels of a JSON file, which all splits ask for."""
    del modified_ns, size  # parts of the key: a changed file is read again
    recorded = read_annotation(path).get("imagePath")
    # Files written on Windows hold backslashes.
    text = PureWindowsPath(recorded).as_posix() if isinstance(recorded, str) and recorded else None
    return text, frozenset(label_names(path))
