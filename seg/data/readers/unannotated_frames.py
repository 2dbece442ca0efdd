"""Images without a label: annotation tools write no file where nothing was drawn."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from seg.data.label_space import LabelSpace
from seg.data.readers.image_label_pairs import Pair
from seg.data.readers.readers import ReadLabel, read_size
from seg.data.readers.splits import check_choice
from seg.data.readers.urls import Location, is_remote
from seg.errors import ConfigError, first_of

Unannotated = Literal["error", "background", "exclude"]

_BACKGROUND = "background"
_log = logging.getLogger(__name__)
_logged: set[tuple[str, ...]] = set()  # training and validation list the same files


def settle_unannotated(
    dataset: str, pairs: Sequence[Pair], choice: Unannotated
) -> tuple[Pair, ...]:
    """Apply `dataset.unannotated` to the pairs of a list.

    Args:
        dataset: its name, for messages.
        pairs: of the list; files may be missing. Where a list names no label, the image stands for
            it.
        choice: what happens to images without a label. `error`: the pairs stay, and reading them
            fails; `background`: the image stands for its label, which `WithBackground` reads;
            `exclude`: they are left out.

    Raises:
        ConfigError: another choice.
    """
    check_choice(dataset, "unannotated", choice, get_args(Unannotated))
    if choice == "error":
        return tuple(pairs)
    lacking = {pair.name for pair in pairs if _lacks_label(pair)}
    if lacking and (dataset, choice, *lacking) not in _logged:
        _logged.add((dataset, choice, *lacking))
        does = "are taken as background" if choice == "background" else "are left out"
        names = first_of(sorted(lacking))
        _log.info(
            "%d of %d images without annotation %s: %s", len(lacking), len(pairs), does, names
        )
    if choice == "exclude":
        return tuple(pair for pair in pairs if pair.name not in lacking)
    return tuple(
        Pair(pair.name, pair.image, pair.image) if pair.name in lacking else pair for pair in pairs
    )


def settle_unlabelled(
    dataset: str, images: Mapping[str, Path], labels: Mapping[str, Path], choice: Unannotated
) -> tuple[dict[str, Path], dict[str, Path]]:
    """Apply `dataset.unannotated` to the images and labels of directories.

    Args:
        dataset: its name, for messages.
        images: image files by the name that image and label share.
        labels: label files by this name.
        choice: as for `settle_unannotated`.

    Raises:
        ConfigError: another choice.
    """
    listed = [Pair(name, image, labels.get(name, image)) for name, image in images.items()]
    settled = {pair.name: pair for pair in settle_unannotated(dataset, listed, choice)}
    bare = {name: images[name] for name in settled if name not in labels}
    remaining = {name: image for name, image in images.items() if name in settled}
    return remaining, {**labels, **bare} if choice == "background" else dict(labels)


def label_files(pairs: Sequence[Pair]) -> list[Location]:
    """Return the label files of pairs, without the images that stand for one."""
    return [pair.label for pair in pairs if pair.label != pair.image]


def with_background(
    pairs: Sequence[Pair], read: ReadLabel, labels: LabelSpace, source: object
) -> ReadLabel:
    """Return the reader of a dataset whose images without annotation are background.

    Args:
        pairs: as `settle_unannotated` gives them.
        read: of the label files.
        labels: the classes; one is called background, or none has a name of its own.
        source: of the classes, for messages.

    Raises:
        ConfigError: no class is the background.
    """
    if all(pair.image != pair.label for pair in pairs):
        return read
    return WithBackground(pairs, read, _background_id(labels, source))


def _background_id(labels: LabelSpace, source: object) -> int:
    """Return the id of the class `background`; of the classes `class_<id>`, 0."""
    meant = {at for at, name in enumerate(labels.names) if name.strip("_").lower() == _BACKGROUND}
    ids = [id_ for id_, train_id in labels.file_ids if train_id in meant]
    if not ids and all(name.startswith("class_") for name in labels.names):
        ids = [id_ for id_, train_id in labels.file_ids if id_ == 0 and train_id == 0]
    if ids:
        return min(ids)
    raise ConfigError(
        f"dataset.unannotated=background: {source} has no class {_BACKGROUND}; add it, or leave"
        " such images out: dataset.unannotated=exclude"
    )


def _lacks_label(pair: Pair) -> bool:
    if pair.label == pair.image:
        return True
    if is_remote(pair.image) or is_remote(pair.label):
        return False
    return Path(pair.image).is_file() and not Path(pair.label).is_file()


class WithBackground:
    """A `ReadLabel` of label files, and of images that stand for background alone.

    Args:
        pairs: where image and label are one file, the label is background.
        read: of the other label files.
        background: file id of the background.
    """

    def __init__(self, pairs: Sequence[Pair], read: ReadLabel, background: int) -> None:
        self._bare = frozenset(str(pair.image) for pair in pairs if pair.image == pair.label)
        self._read = read
        self._background = background

    @property
    def settings(self) -> str:
        """Return the settings beside the classes that decide what is read."""
        return f"({type(self._read).__qualname__}, background={self._background})"

    def __call__(self, path: Location) -> NDArray[Any]:
        """Return the file ids of a label file, H x W.

        Raises:
            DataError: the file cannot be read.
        """
        if str(path) not in self._bare:
            return self._read(path)
        return np.full(read_size(path), self._background, np.int32)

    def note(self, path: Location) -> str:
        """Return what the reader of label files notes of one; empty: nothing.

        Raises:
            DataError: as for reading it.
        """
        note = getattr(self._read, "note", None)
        return note(path) if note and str(path) not in self._bare else ""
