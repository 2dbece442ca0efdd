"""`NAME.zarr.zip`: probabilities in chunks, for readers that want a part of a large picture."""

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
from seg.prediction.writer import PARTS, Format, ItemRows, Settings, Writer
from seg.prediction.writers.probabilities import chosen_classes, classes_of, rows_of

_CHUNK_PX = 256


class ZarrProbabilities(Format):
    """H x W x K, float16, chunks of 256 x 256 pixels with all K.

    The attributes hold `classes`, the K names, and `values`, their numbers in label files.

    Read by `zarr.open_array(zarr.storage.ZipStore(FILE))`.

    Raises:
        ConfigError: the extra `rasters` is missing, or an unknown class.
    """

    name = "zarr"
    wants_probabilities = True
    holds_values = True

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        if find_spec("zarr") is None:
            raise ConfigError(
                "formats=zarr: needs the extra `rasters`: pip install 'seg-xception[rasters]'; "
                "or take probabilities"
            )
        self._chosen = chosen_classes(settings)

    def targets(self, item: Item) -> tuple[str, ...]:
        return (f"{item.name}.zarr.zip",)

    def open(self, item: Item, raster: Raster) -> Writer:
        folder = self.path(f"{PARTS}/zarr/{item.name}")
        target = self.path(self.targets(item)[0])
        facts = classes_of(self.settings, self._chosen)
        return _Chunks(target, folder, (raster.height, raster.width), self._chosen, facts)


class _Chunks(Writer):
    """Fills a store in a folder of its own, a row of chunks at a time, and packs it."""

    def __init__(
        self,
        target: Path,
        folder: Path,
        shape: tuple[int, int],
        chosen: Sequence[int],
        facts: Mapping[str, list[Any]],
    ) -> None:
        import zarr

        self._target = target
        self._folder = folder
        self._chosen = chosen
        self._held: NDArray[np.float16] = np.empty((0, shape[1], len(chosen)), np.float16)
        self._written = 0
        shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
        self._array: Any = zarr.create_array(
            store=str(folder),
            shape=(*shape, len(chosen)),
            chunks=(min(_CHUNK_PX, shape[0]), min(_CHUNK_PX, shape[1]), len(chosen)),
            dtype="float16",
            attributes=dict(facts),
        )

    def write(self, piece: ItemRows) -> None:
        self._held = np.concatenate((self._held, rows_of(piece, self._chosen)))
        self._write(len(self._held) // _CHUNK_PX * _CHUNK_PX)

    def _write(self, count: int) -> None:
        if count:
            self._array[self._written : self._written + count] = self._held[:count]
            self._held = self._held[count:]
            self._written += count

    def close(self) -> None:
        self._write(len(self._held))
        files = [path for path in self._folder.rglob("*") if path.is_file()]
        named = [(path.relative_to(self._folder).as_posix(), path) for path in files]
        write_zip(self._target, named)
        shutil.rmtree(self._folder)

    def discard(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


FORMAT = ZarrProbabilities
