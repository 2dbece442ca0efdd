"""Images whose labels are drawn from annotation files: their pairs, the base of their readers."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

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
