"""`NAME.npz`: the probabilities of all or of chosen classes."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from seg.errors import ConfigError
from seg.inference.image_source import Raster
from seg.io.atomic import staged_file
from seg.io.zip import entry
from seg.prediction.items import Item
from seg.prediction.writer import Format, ItemRows, Settings, Staged, Writer

_BUFFER_BYTES = 2**26  # rows that wait for compression


class Probabilities(Format):
    """`probabilities_HWK`, float16, and `classes` and `values`, names and numbers of the K classes.

    Read by `numpy.load`. A pixel's classes lie together, so that rasters of any height are written
    as they come.

    Attributes:
        chosen: the train ids of the classes that are written.
        facts: the names of these classes, and their numbers in label files; of a region that of
            the class which it writes.

    Raises:
        ConfigError: the network has no such class.
    """

    name = "probabilities"
    suffix = ".npz"
    wants_probabilities = True
    holds_values = True
    takes_overlaps = True

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        labels = settings.labels
        names = labels.output_names
        for name in settings.options.classes or ():
            if name not in names:
                raise ConfigError(f"classes: no class {name!r}; allowed: {', '.join(names)}")
        values = settings.label_values.classes
        if labels.outputs is not None:
            values = tuple(values[train_id] for train_id in labels.outputs.stands_for)
        self.chosen = [names.index(name) for name in settings.options.classes or names]
        self.facts: dict[str, list[Any]] = {
            "classes": [names[index] for index in self.chosen],
            "values": [values[index] for index in self.chosen],
        }

    def open(self, item: Item, raster: Raster) -> Writer:
        """Start to write the probabilities of an item."""
        shape = (raster.height, raster.width)
        return _Npz(self.path(self.targets(item)[0]), shape, self.chosen, self.facts)


def rows_of(piece: ItemRows, chosen: Sequence[int]) -> NDArray[np.float16]:
    """Return rows x W x K of the chosen classes."""
    assert piece.probabilities_KHW is not None
    return piece.probabilities_KHW[list(chosen)].transpose(1, 2, 0).astype(np.float16)


class _Npz(Writer):
    """Writes an NPZ file row by row."""

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int],
        chosen: Sequence[int],
        facts: Mapping[str, list[Any]],
    ) -> None:
        self._chosen, self._facts = chosen, facts
        self._rows: list[NDArray[np.float16]] = []
        self._staged = Staged(staged_file(path))
        self._zip = zipfile.ZipFile(self._staged.target, "w", zipfile.ZIP_DEFLATED, compresslevel=4)
        self._array = self._zip.open(entry("probabilities_HWK.npy"), "w", force_zip64=True)
        header = {"descr": "<f2", "fortran_order": False, "shape": (*shape, len(chosen))}
        npy.write_array_header_1_0(self._array, header)

    def write(self, piece: ItemRows) -> None:
        """Store the next rows; write them once there are many."""
        self._rows.append(rows_of(piece, self._chosen))
        if sum(rows.nbytes for rows in self._rows) > _BUFFER_BYTES:
            self._write()

    def _write(self) -> None:
        """Write the stored rows."""
        for rows in self._rows:
            self._array.write(np.ascontiguousarray(rows, "<f2").data)
        self._rows.clear()

    def close(self) -> None:
        """Write the rest and put the file in place."""
        self._write()
        self._array.close()
        for name, content in self._facts.items():
            with self._zip.open(entry(f"{name}.npy"), "w") as file:
                npy.write_array(file, np.array(content), allow_pickle=False)
        self._zip.close()
        self._staged.place()

    def discard(self) -> None:
        """Remove the file."""
        self._rows.clear()
        self._zip.fp = io.BytesIO()  # closing writes the end, for which the disk may be full
        self._array.close()
        self._zip.close()
        self._staged.discard()


FORMAT = Probabilities
