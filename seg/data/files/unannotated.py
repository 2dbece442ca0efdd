"""Frames that nobody annotated: annotation tools write no label file for them."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from seg.data.choices import check_choice
from seg.data.files.locations import Location
from seg.data.files.pairs import Pair, first_of
from seg.data.files.reading import ReadLabel, read_image

Unannotated = Literal["error", "background", "exclude"]

_log = logging.getLogger(__name__)
_logged: set[tuple[str, ...]] = set()  # training and validation list the same files


def settle_unannotated(
    dataset: str, pairs: Sequence[Pair], choice: Unannotated
) -> tuple[Pair, ...]:
    """The pairs of a list with what becomes of images that lack their label file.

    Args:
        dataset: its name, for messages.
        pairs: as they are listed; files may be missing.
        choice: `error`: the pairs stay as they are, which is refused later; `background`: the image
            stands for its label, which `WithBackground` reads; `exclude`: they are left out.

    Raises:
        ConfigError: another choice.
    """
    check_choice(dataset, "unannotated", choice, get_args(Unannotated))
    if choice == "error":
        return tuple(pairs)
    lacking = {
        pair.name for pair in pairs if Path(pair.image).is_file() and not Path(pair.label).is_file()
    }
    if lacking and (dataset, choice, *lacking) not in _logged:
        _logged.add((dataset, choice, *lacking))
        does = "are taken as background" if choice == "background" else "are left out"
        names = first_of(sorted(lacking))
        _log.info("%d images without annotation %s: %s", len(lacking), does, names)
    if choice == "exclude":
        return tuple(pair for pair in pairs if pair.name not in lacking)
    return tuple(
        Pair(pair.name, pair.image, pair.image) if pair.name in lacking else pair for pair in pairs
    )


class WithBackground:
    """Reads label files, and images that stand for a label of background alone.

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
        """What else than the classes decides what is read."""
        return f"({type(self._read).__qualname__}, background={self._background})"

    def __call__(self, path: Location) -> NDArray[Any]:
        """H x W file ids.

        Raises:
            DataError: the file cannot be read.
        """
        if str(path) not in self._bare:
            return self._read(path)
        return np.full(read_image(path).shape[:2], self._background, np.int32)
