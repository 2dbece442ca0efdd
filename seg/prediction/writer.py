"""What a kind of output is: one file of `formats/` each, with a `FORMAT`."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from seg.config.nearest import nearest
from seg.data.label_space import LabelSpace
from seg.data.label_values import LabelValues, ValueKind, label_values
from seg.errors import ConfigError
from seg.inference.image_source import Raster
from seg.prediction.items import Item

PARTS = ".parts"
"""The folder below the output where a format keeps what it assembles at the end."""

T = TypeVar("T")
ManifestEntry = Mapping[str, Any]
"""What the manifest says of an item."""


@dataclass(frozen=True)
class Settings:
    """What formats are told.

    Attributes:
        output: the folder.
        labels: the classes of the network.
        overlay_opacity: of the colours over the picture.
        classes: names of those whose probabilities are written; empty: all.
        coco_segmentation: how COCO annotations hold their pixels.
        values: which numbers stand for the classes in label files.
    """

    output: Path
    labels: LabelSpace
    overlay_opacity: float = 0.6
    classes: tuple[str, ...] = ()
    coco_segmentation: Literal["rle", "polygons"] = "rle"
    values: ValueKind = "id"

    @cached_property
    def label_values(self) -> LabelValues:
        """The number of each class in label files.

        Raises:
            ConfigError: see `seg.data.label_values.label_values`.
        """
        return label_values(self.labels, self.values)


class ItemRows:
    """Some rows of an item, over its whole width; from top to bottom, without gaps.

    Attributes:
        rows: which.
        label_HW: positions in the class list, uint8; `ignore_index` where a raster has no data.
        probabilities_KHW: float32; None unless a format wants them.
    """

    def __init__(
        self,
        raster: Raster,
        rows: slice,
        label_HW: NDArray[np.uint8],
        probabilities_KHW: NDArray[np.float32] | None = None,
    ) -> None:
        self._raster = raster
        self.rows = rows
        self.label_HW = label_HW
        self.probabilities_KHW = probabilities_KHW

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        """The picture's own pixels, h x w x 3, uint8 RGB."""
        return self._raster.read(self.rows, slice(0, self._raster.width))


class Writer(ABC):
    """Writes one item in one format."""

    @abstractmethod
    def write(self, piece: ItemRows) -> None:
        """Take the next rows."""

    @abstractmethod
    def close(self) -> Any:
        """Put the files in place, in another thread maybe.

        Returns:
            plain data for the manifest, for `Format.merge`; None where there is none.
        """

    def discard(self) -> None:  # noqa: B027 - most have nothing in place before they finish
        """Leave nothing behind of an item that turned out to be damaged."""


class Format(ABC):
    """A kind of output.

    Attributes:
        name: of its file in `formats/`.
        wants_probabilities: whether `ItemRows.probabilities_KHW` is needed.
        holds_values: whether its numbers for classes follow `Settings.values`.

    Raises:
        ConfigError: it cannot be made for these classes, or lacks a library.
    """

    name: ClassVar[str]
    wants_probabilities: ClassVar[bool] = False
    keeps_place: ClassVar[bool] = False
    holds_values: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @abstractmethod
    def targets(self, item: Item) -> tuple[str, ...]:
        """The files of an item, relative to the output.

        Raises:
            ConfigError: the item's name does not do for this format.
        """

    @abstractmethod
    def open(self, item: Item, raster: Raster) -> Writer:
        """Start to write an item."""

    def merged_files(self, items: Sequence[Item]) -> tuple[str, ...]:
        """The files that are made of all items, relative to the output."""
        return ()

    def merge(self, done: Sequence[tuple[Item, ManifestEntry]]) -> None:  # noqa: B027 - as above
        """Make them, of all items that are not damaged, in order: same items, same bytes."""

    def path(self, target: str) -> Path:
        """Where a file lies."""
        return self.settings.output / target


class BufferedWriter(Writer):
    """Keeps what it takes of each piece, and saves the whole.

    Args:
        height: of the item.
        take: rows x ... of a piece.
        save: writes all rows; what it returns is the part for the manifest.
    """

    def __init__(
        self,
        height: int,
        take: Callable[[ItemRows], NDArray[Any]],
        save: Callable[[NDArray[Any]], Any],
    ) -> None:
        self._height = height
        self._take = take
        self._save = save
        self._whole: NDArray[Any] | None = None

    def write(self, piece: ItemRows) -> None:
        taken = self._take(piece)
        if len(taken) == self._height:
            self._whole = taken
            return
        if self._whole is None:
            self._whole = np.empty((self._height, *taken.shape[1:]), taken.dtype)
        self._whole[piece.rows] = taken

    def close(self) -> Any:
        assert self._whole is not None, "no rows were added"
        return self._save(self._whole)


class Staged(Generic[T]):
    """What is written in pieces, then put in place or removed.

    Args:
        staging: `staged_file(path)`, or `staged_path(path)` for a library that opens it by name.
    """

    def __init__(self, staging: AbstractContextManager[T]) -> None:
        self._stack = ExitStack()
        self.target: T = self._stack.enter_context(staging)

    def place(self) -> None:
        """Let it take its place."""
        self._stack.close()

    def discard(self) -> None:
        """Remove it; what is in its place stays as it was."""
        error = InterruptedError()
        self._stack.__exit__(type(error), error, None)


def load_formats(names: Sequence[str], settings: Settings) -> list[Format]:
    """Build the formats that a configuration names.

    Raises:
        ConfigError: an unknown name, or what the format itself refuses.
    """
    check_names(names)
    kinds: list[type[Format]] = [import_module(f"{_ROOM}.{name}").FORMAT for name in names]
    return [kind(settings) for kind in kinds]


def check_names(names: Sequence[str]) -> None:
    """Hold the names of formats against the files of their folder.

    Raises:
        ConfigError: an unknown name, one twice, or none.
    """
    allowed = sorted(module.name for module in iter_modules(import_module(_ROOM).__path__))
    for name in names:
        if name not in allowed:
            raise ConfigError(
                f"formats: no format {name!r}; allowed: {', '.join(allowed)}"
                + nearest(name, allowed)
            )
    if not names or len(set(names)) != len(names):
        raise ConfigError(f"formats={list(names)}: name each wanted format once")


_ROOM = "seg.prediction.writers"
