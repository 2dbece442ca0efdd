"""`NAME.zarr.zip`: probabilities in chunks, for readers that need a part of a large image."""

import shutil
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.errors import ConfigError
from seg.inference.image_source import Raster
from seg.io.zip import write_zip
from seg.prediction.items import Item
from seg.prediction.writer import PARTS, ItemRows, Settings, Writer
from seg.prediction.writers.probabilities import Probabilities, rows_of

_CHUNK_PX = 256


class ZarrProbabilities(Probabilities):
    """H x W x K, float16, chunks of 256 x 256 pixels with all K.

    The attributes are `classes`, the K names, and `values`, their numbers in label files.
    Read by `zarr.open_array(zarr.storage.ZipStore(FILE))`.

    Raises:
        ConfigError: the extra `rasters` is missing, or an unknown class.
    """

    name = "zarr"
    suffix = ".zarr.zip"

    def __init__(self, settings: Settings) -> None:
        if find_spec("zarr") is None:
            raise ConfigError(
                "formats=zarr: needs the extra `rasters`: pip install 'seg-xception[rasters]'; "
                "or take probabilities"
            )
        super().__init__(settings)

    def open(self, item: Item, raster: Raster) -> Writer:
        """Start to write the probabilities of an item."""
        directory = self.path(f"{PARTS}/zarr/{item.name}")
        target, shape = self.path(self.targets(item)[0]), (raster.height, raster.width)
        return _Chunks(target, directory, shape, self.chosen, self.facts)


class _Chunks(Writer):
    """Fills a store in a directory of its own, a row of chunks at a time, and packs it."""

    def __init__(
        self,
        target: Path,
        directory: Path,
        shape: tuple[int, int],
        chosen: Sequence[int],
        facts: Mapping[str, list[Any]],
    ) -> None:
        import zarr

        self._target = target
        self._directory = directory
        self._chosen = chosen
        self._rows: NDArray[np.float16] = np.empty((0, shape[1], len(chosen)), np.float16)
        self._written = 0
        shutil.rmtree(directory, ignore_errors=True)  # of a process that was killed
        self._array: Any = zarr.create_array(
            store=str(directory),
            shape=(*shape, len(chosen)),
            chunks=(min(_CHUNK_PX, shape[0]), min(_CHUNK_PX, shape[1]), len(chosen)),
            dtype="float16",
            attributes=dict(facts),
        )

    def write(self, piece: ItemRows) -> None:
        """Store the next rows and write full chunks."""
        self._rows = np.concatenate((self._rows, rows_of(piece, self._chosen)))
        self._write(len(self._rows) // _CHUNK_PX * _CHUNK_PX)

    def _write(self, count: int) -> None:
        """Write the first `count` stored rows."""
        if count:
            self._array[self._written : self._written + count] = self._rows[:count]
            self._rows = self._rows[count:]
            self._written += count

    def close(self) -> None:
        """Write the rest and pack the store."""
        self._write(len(self._rows))
        files = [path for path in self._directory.rglob("*") if path.is_file()]
        named = [(path.relative_to(self._directory).as_posix(), path) for path in files]
        write_zip(self._target, named)
        shutil.rmtree(self._directory)

    def discard(self) -> None:
        """Remove the store."""
        shutil.rmtree(self._directory, ignore_errors=True)


FORMAT = ZarrProbabilities
