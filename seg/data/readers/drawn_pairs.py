"""Images whose labels are drawn from annotation files: their pairs, the base of their readers."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any, Generic, Protocol, TypeVar

from numpy.typing import NDArray

from seg.data.readers.image_label_pairs import (
    NO_ANNOTATION,
    Pair,
    Pairing,
    UnmatchedFile,
    unmatched_error,
)
from seg.data.readers.listed_pairs import listed_pairs
from seg.data.readers.unannotated_frames import Unannotated, settle_unannotated
from seg.data.readers.urls import Location
from seg.errors import first_of

F = TypeVar("F", bound="AnnotationFile")
E = TypeVar("E")
D = TypeVar("D")


def pair_drawn(
    dataset: str,
    images: Mapping[str, tuple[Path, bool]],
    unannotated: Unannotated,
    *,
    annotations: Path,
    where: object,
) -> Pairing:
    """Return the listed images, each of which stands for its label, too.

    Args:
        dataset: its name, for messages.
        images: by the name of the sample, the file and whether it has an annotation.
        unannotated: what happens to images without annotation: `error`, `background`, `exclude`.
        annotations: an annotation file.
        where: the files or the directory that list the images, for messages.

    Raises:
        ConfigError: another choice.
        DataError: no listed image exists, or none has the annotation that it needs.
    """
    listed = [
        Pair(name, path, annotations if has_annotation else path)
        for name, (path, has_annotation) in images.items()
    ]
    settled = settle_unannotated(dataset, listed, unannotated)
    pairing = listed_pairs(settled, annotations)
    lonely = [replace(each, path=each.sought or each.path) for each in pairing.unmatched]
    error, pairs = pairing.error, pairing.pairs
    if unannotated == "error":
        bare = [pair for pair in pairs if not images[pair.name][1]]
        missing = [
            UnmatchedFile(pair.image, "image", "label", fault=NO_ANNOTATION) for pair in bare
        ]
        if missing and error is None:
            error = unmatched_error(missing, f"{where}: {len(images)} listed images")
        lonely += missing
        pairs = tuple(pair for pair in pairs if images[pair.name][1])
    if error is not None and not pairs:
        raise error
    return Pairing(tuple(replace(pair, label=pair.image) for pair in pairs), tuple(lonely), error)


def sample_names(files: Sequence[PurePath]) -> list[str]:
    """Return a name for each file: its path without suffix, with it where files differ in it alone.

    Names are unique if the files are.
    """
    stems = [file.with_suffix("").as_posix() for file in files]
    times = Counter(stems)
    names = [
        stem if times[stem] == 1 else f"{stem}_{file.suffix[1:]}"
        for stem, file in zip(stems, files, strict=True)
    ]
    return names if len(set(names)) == len(names) else [file.as_posix() for file in files]


class NotedLabels(ABC):
    """Base of `ReadLabel`s that draw shapes, and remember which cover no pixel."""

    def __init__(self) -> None:
        self._notes = "", ""  # of the last label

    @abstractmethod
    def __call__(self, path: Location) -> NDArray[Any]:
        """Draw the label of an image."""

    def note(self, path: Location) -> str:
        """Return which shapes of an image cover no pixel; empty: none.

        Raises:
            DataError: as for reading the label.
        """
        if self._notes[0] != str(path):
            self(path)
        return self._notes[1]

    def _note(self, path: Location, empty: Sequence[str]) -> None:
        note = f"{len(empty)} shapes cover no pixel: {first_of(empty)}" if empty else ""
        self._notes = str(path), note


class AnnotationFile(Protocol):
    """A file of annotations, whose state tells whether it was changed."""

    @property
    def path(self) -> Path:
        """Return where it lies."""

    @property
    def state(self) -> Any:
        """Return what differs once it is changed."""


class ImageLabels(NotedLabels, Generic[F, E, D]):
    """Base of `ReadLabel`s that draw the entry of an image; the image stands for its label.

    Args:
        images: of each image file, the annotation file and its entry.
        ids: file id of each label.
        drawing: the other choices.
    """

    def __init__(
        self, images: Mapping[str, tuple[F, E]], ids: Mapping[str, int], drawing: D
    ) -> None:
        self._images = dict(images)
        self._ids = dict(ids)
        self._drawing = drawing
        super().__init__()

    @property
    def settings(self) -> str:
        """Return what beside the classes and the images decides what is read."""
        files = sorted({(str(file.path), file.state) for file, _ in self._images.values()})
        return f"({files}, {self._ids}, {self._drawing})"
