"""Palettes of label files, compared with the colors that a class file names."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.class_entry import ClassEntry
from seg.data.readers.class_table import Classes
from seg.data.readers.color_labels import Color
from seg.data.readers.readers import read_indices
from seg.data.readers.urls import Location
from seg.errors import DataError, first_of

_IGNORED = 255
_SHOWN = 6


class PaletteLabels:
    """A `ReadLabel` of ids, or of colors where the palette has another order than the ids.

    A palette that has the colors of the class file in another order identifies classes by color:
    by index, classes would change their names. A palette of other colors has no meaning: its
    indices must be ids. Files without a palette hold ids.

    Args:
        classes: each entry with its own color.
    """

    def __init__(self, classes: Classes) -> None:
        self._entries: dict[Color, ClassEntry] = {
            entry.color: entry for entry in classes.entries if entry.color is not None
        }
        self._names = {entry.id: entry.name for entry in classes.entries}
        self._source = classes.source

    def __call__(self, path: Location) -> NDArray[Any]:
        """Return the file ids of a label file, H x W.

        Raises:
            DataError: the file cannot be read, or palette and class file contradict each other.
        """
        label_HW, palette = read_indices(path)
        if palette is None:
            return label_HW
        ids = self._by_color(label_HW, palette, path)
        if all(index == id_ for index, id_ in ids.items()):
            return label_HW
        table = np.arange(256, dtype=label_HW.dtype)
        if max(ids.values()) > 255:
            table = table.astype(np.int32)
        for index, id_ in ids.items():
            table[index] = id_
        by_color_HW: NDArray[Any] = table[label_HW]
        return by_color_HW

    def remark(self, path: Location) -> str | None:
        """Return one line on how a file is read; None where its palette is that of the classes.

        Raises:
            DataError: as for reading it.
        """
        label_HW, palette = read_indices(path)
        if palette is None:
            return None
        ids = self._by_color(label_HW, palette, path)
        if any(index != id_ for index, id_ in ids.items()):
            return f"the palette of {path} has another order than {self._source}: read by color"
        colors = [_color(palette, index) for index in self._indices(label_HW, palette)]
        strange = [_hex(color) for color in colors if color not in self._entries]
        if not strange:
            return None
        return (
            f"{len(strange)} of {len(colors)} colors of the palette of {path} are not in"
            f" {self._source} ({first_of(strange, _SHOWN)}): its indices are read as ids"
        )

    def _by_color(
        self, label_HW: NDArray[Any], palette_N3: NDArray[np.uint8], path: Location
    ) -> Mapping[int, int]:
        """Return the id of each index that occurs, by color where one belongs to another id."""
        indices = self._indices(label_HW)
        used = {
            index: self._entries.get(_color(palette_N3, index))
            for index in indices
            if index < len(palette_N3)
        }
        if all(entry is None or entry.id == index for index, entry in used.items()):
            if not any(used.values()) and not self._names.keys() >= set(indices):
                raise self._contradiction(path, indices, palette_N3)
            return {}
        ids = {index: entry.id for index, entry in used.items() if entry is not None}
        if len(ids) < len(indices) or len(set(ids.values())) < len(ids):
            raise self._contradiction(path, indices, palette_N3)
        return ids

    def _indices(
        self, label_HW: NDArray[Any], palette_N3: NDArray[np.uint8] | None = None
    ) -> list[int]:
        """Return the indices that occur and are not ignored, within the palette if it is passed."""
        indices = [int(index) for index in np.unique(label_HW)]
        if palette_N3 is not None:
            indices = [index for index in indices if index < len(palette_N3)]
        return [index for index in indices if index != _IGNORED or _IGNORED in self._names]

    def _contradiction(
        self, path: Location, indices: Sequence[int], palette_N3: NDArray[np.uint8]
    ) -> DataError:
        colors = {index: _color(palette_N3, index) for index in indices if index < len(palette_N3)}
        fault = "the colors of its palette belong to other classes than its indices"
        if not any(color in self._entries for color in colors.values()):
            fault = "neither the colors of its palette nor all of its indices are of classes"
        in_file = [
            f"{index} {self._entries[color].name if color in self._entries else _hex(color)}"
            for index, color in colors.items()
        ]
        in_classes = [f"{id_} {name}" for id_, name in self._names.items()]
        return DataError(
            f"{path}: {fault}\n"
            f"  by its palette: {first_of(in_file, _SHOWN)}\n"
            f"  by {self._source}: {first_of(in_classes, _SHOWN)}\n"
            "  dataset.label_kind=ids takes the indices, dataset.label_kind=colours the colors",
            fault="label_kind",
        )


def _color(palette_N3: NDArray[np.uint8], index: int) -> Color:
    red, green, blue = (int(share) for share in palette_N3[index])
    return red, green, blue


def _hex(color: Color) -> str:
    return "#" + "".join(f"{share:02x}" for share in color)
