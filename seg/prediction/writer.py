"""The interface of output formats; each is one file of `writers/` with a `FORMAT`."""

import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from seg.config.commands import OutputOptions
from seg.config.options import nearest
from seg.data.label_space import LabelSpace
from seg.data.label_values import LabelValues, label_values
from seg.errors import ConfigError
from seg.inference.image_source import Raster
from seg.io.atomic import write_atomically
from seg.prediction.items import Item
from seg.visualization.composite import as_rgb

PARTS = ".parts"
"""The directory below the output for parts that a format merges at the end."""

VALUES_FILE = "values.json"
"""The table of the numbers that stand for the classes."""

_PACKAGE = "seg.prediction.writers"
_RANKING = "seg.prediction.ranking.ranking"
_log = logging.getLogger(__name__)
T = TypeVar("T")
ManifestEntry = Mapping[str, Any]
"""What the manifest records of an item."""


@dataclass(frozen=True)
class Settings:
    """What formats need to know.

    Attributes:
        output: the directory of the results.
        labels: the classes of the network.
        options: the options of the command.
    """

    output: Path
    labels: LabelSpace
    options: OutputOptions

    @cached_property
    def label_values(self) -> LabelValues:
        """Return the number of each class in label files.

        Raises:
            ConfigError: see `seg.data.label_values.label_values`.
        """
        overlap = self.labels.mode == "multi_label"  # numbers in files are sets of classes
        return label_values(self.labels, "index" if overlap else self.options.values)

    @property
    def has_values(self) -> bool:
        """Return whether numbers stand for classes in label files."""
        return self.labels.mode != "multi_label"


@dataclass(eq=False)
class ItemRows:
    """Rows of an item over its whole width; from top to bottom, without gaps.

    Attributes:
        raster: the image of the item.
        rows: which rows.
        label_HW: positions in the class list, uint8, uint16 of more than 255 classes;
            `ignore_index` where there is no data.
        probabilities_KHW: float32; None unless a format needs them.
        composite: the channels that are drawn as red, green and blue, see `as_rgb`.
        masks_KHW: where each sigmoid output is present; None: classes are exclusive.
        disagreement_HW: of passes or networks; None unless a format needs it.
    """

    raster: Raster
    rows: slice
    label_HW: NDArray[Any]
    probabilities_KHW: NDArray[np.float32] | None = None
    composite: tuple[int, int, int] | None = None
    masks_KHW: NDArray[np.bool_] | None = None
    disagreement_HW: NDArray[np.float32] | None = None

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        """Return the image's own pixels as RGB, uint8, h x w x 3."""
        return as_rgb(self.raster.read(self.rows, slice(0, self.raster.width)), self.composite)


class Writer(ABC):
    """Writes one item in one format."""

    @abstractmethod
    def write(self, piece: ItemRows) -> None:
        """Write the next rows."""

    @abstractmethod
    def close(self) -> Any:
        """Put the files in place, possibly in another thread.

        Returns:
            plain data for the manifest, for `Format.merge`; None without any.
        """

    def discard(self) -> None:  # noqa: B027 - most have nothing in place before they finish
        """Remove the files of an item that turned out to be damaged."""


class Format(ABC):
    """A kind of output.

    Attributes:
        name: of its file in `writers/`.
        suffix: of an item's file; empty: no file is made of one item alone.
        file: the file that is made of all items, relative to the output; empty: none.
        wants_probabilities: whether `ItemRows.probabilities_KHW` is needed.
        wants_disagreement: whether `ItemRows.disagreement_HW` is needed.
        draws_polygons: whether its results depend on the options of polygons.
        keeps_place: whether results of rasters keep their place on the map.
        holds_values: whether its numbers for classes follow the option `values`.
        takes_overlaps: whether it can hold classes that overlap.

    Raises:
        ConfigError: it cannot be made for these classes, or lacks a library.
    """

    name: ClassVar[str]
    suffix: ClassVar[str] = ""
    file: ClassVar[str] = ""
    wants_probabilities: bool = False
    wants_disagreement: bool = False
    draws_polygons: bool = False
    keeps_place: ClassVar[bool] = False
    holds_values: ClassVar[bool] = False
    takes_overlaps: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def targets(self, item: Item) -> tuple[str, ...]:
        """List the files of an item, relative to the output.

        Raises:
            ConfigError: the item's name does not suit this format.
        """
        return (f"{item.name}{self.suffix}",) if self.suffix else ()

    @abstractmethod
    def open(self, item: Item, raster: Raster) -> Writer:
        """Start to write an item."""

    def merged_files(self, items: Sequence[Item]) -> tuple[str, ...]:
        """List the files that are made of all items, relative to the output."""
        return (self.file,) if self.file else ()

    def merge(self, done: Sequence[tuple[Item, ManifestEntry]]) -> None:  # noqa: B027 - as above
        """Make them of all undamaged items, in order: same items, same bytes."""

    def log_summary(self, done: Sequence[tuple[Item, ManifestEntry]]) -> None:  # noqa: B027
        """Log what the files of all items leave out."""

    def path(self, target: str) -> Path:
        """Return the path of a file."""
        return self.settings.output / target


@dataclass(eq=False)
class BufferedWriter(Writer):
    """Collects what it takes of each piece, and saves the whole.

    Attributes:
        height: of the item, in px.
        take: returns rows x ... of a piece.
        save: writes all rows; returns the part for the manifest.
    """

    height: int
    take: Callable[[ItemRows], NDArray[Any]]
    save: Callable[[NDArray[Any]], Any]
    _whole: NDArray[Any] | None = field(default=None, init=False)

    def write(self, piece: ItemRows) -> None:
        """Store the next rows."""
        part = self.take(piece)
        if len(part) == self.height:
            self._whole = part
            return
        if self._whole is None:
            self._whole = np.empty((self.height, *part.shape[1:]), part.dtype)
        self._whole[piece.rows] = part

    def close(self) -> Any:
        """Save all rows; return the part for the manifest."""
        assert self._whole is not None, "no rows were added"
        return self.save(self._whole)


class Staged(Generic[T]):
    """A `staged_file` or `staged_path` that is written in pieces, then put in place or removed."""

    def __init__(self, staging: AbstractContextManager[T]) -> None:
        self._stack = ExitStack()
        self.target: T = self._stack.enter_context(staging)

    def place(self) -> None:
        """Put the file in place."""
        self._stack.close()

    def discard(self) -> None:
        """Remove the file; an older one in its place stays."""
        error = InterruptedError()
        self._stack.__exit__(type(error), error, None)


def load_formats(settings: Settings) -> list[Format]:
    """Build the formats that the options name, and the ranking.

    Raises:
        ConfigError: an unknown name, or a format refuses the options.
    """
    options = settings.options
    check_names(options)
    kinds = [_kind(name) for name in options.formats]
    if options.rank is not None:
        kinds.append(import_module(_RANKING).Ranking)
    if settings.labels.mode == "multi_label":
        _refuse_overlaps(kinds)
    return [kind(settings) for kind in kinds]


def _kind(name: str) -> type[Format]:
    kind: type[Format] = import_module(f"{_PACKAGE}.{name}").FORMAT
    return kind


def _all_names() -> list[str]:
    return sorted(module.name for module in iter_modules(import_module(_PACKAGE).__path__))


def _refuse_overlaps(kinds: Sequence[type[Format]]) -> None:
    """Refuse formats that give each pixel one class."""
    if refused := [kind.name for kind in kinds if not kind.takes_overlaps]:
        allowed = [name for name in _all_names() if _kind(name).takes_overlaps]
        raise ConfigError(
            f"formats={refused[0]}: classes overlap (labels.mode=multi_label), and it holds one"
            f" class a pixel\n  allowed: {', '.join(allowed)}; such as 'formats=[masks,overlay]'"
        )


def check_names(options: OutputOptions) -> None:
    """Check that `formats` names formats, each once.

    Raises:
        ConfigError: an unknown name, one twice, or none and no ranking.
    """
    names, allowed = options.formats, _all_names()
    for name in names:
        if name not in allowed:
            raise ConfigError(
                f"formats: no format {name!r}; allowed: {', '.join(allowed)}"
                + nearest(name, allowed)
            )
    if not (names or options.rank):
        raise ConfigError(
            "formats=[]: nothing would be written\n  name formats, or rank images: rank=entropy"
        )
    if len(set(names)) != len(names):
        raise ConfigError(f"formats={list(names)}: name each format once")


def log_values(settings: Settings, formats: Sequence[Format]) -> None:
    """Log what the numbers for classes mean, if any format has some."""
    if settings.has_values and any(each.holds_values for each in formats):
        _log.info("values     %s (%s)", settings.label_values.summary(), VALUES_FILE)


def write_values(settings: Settings, formats: Sequence[Format]) -> tuple[str, ...]:
    """Write the table of values, a class file as `dataset.classes` takes it.

    Returns:
        the files written, relative to the output; none if no format has values.
    """
    if not (settings.has_values and any(each.holds_values for each in formats)):
        return ()
    rows = ",\n".join(f"  {json.dumps(row)}" for row in settings.label_values.table())
    text = f"[\n{rows}\n]\n"
    write_atomically(settings.output / VALUES_FILE, lambda file: file.write(text.encode()))
    return (VALUES_FILE,)
