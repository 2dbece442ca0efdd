"""`NAME/OUTPUT.png`: one mask an output of the network; of rasters `NAME/OUTPUT.tif`."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seg.data.code_masks import output_masks
from seg.errors import ConfigError
from seg.inference.image_source import Raster
from seg.prediction.items import Item
from seg.prediction.writer import BufferedWriter, Format, ItemRows, Settings, Writer
from seg.visualization.grids import save_png

_FOREGROUND = 255
_NO_FILE_NAME = re.compile(r"[^\w .+-]")


class Masks(Format):
    """8-bit files of 0 and 255, one for each class, region or foreground; 0 where there is no data.

    A file is named after its output, with `_` for what file names cannot hold.

    Raises:
        ConfigError: two outputs would share a file.
    """

    name = "masks"
    keeps_place = True
    takes_overlaps = True

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        names = settings.labels.output_names
        self._stems = [_NO_FILE_NAME.sub("_", name) for name in names]
        if len({stem.lower() for stem in self._stems}) < len(names):
            raise ConfigError(
                f"formats=masks: files are named after {', '.join(names)}, and two would share one"
                "\n  take probabilities, which hold the names"
            )

    def targets(self, item: Item) -> tuple[str, ...]:
        """Return the files of an item, in the order of the outputs."""
        suffix = ".tif" if item.kind == "raster" else ".png"
        return tuple(f"{item.name}/{stem}{suffix}" for stem in self._stems)

    def open(self, item: Item, raster: Raster) -> Writer:
        """Start to write the masks of an item."""
        writers: list[Writer] = []
        for place, target in enumerate(self.targets(item)):
            path = self.path(target)
            path.parent.mkdir(parents=True, exist_ok=True)
            take = _Take(self.settings, place)
            if item.kind == "raster":
                from seg.prediction.rasters import GeoTiff

                writers.append(GeoTiff(path, raster, take, num_bands=1))
            else:
                writers.append(BufferedWriter(raster.height, take, partial(_save, path)))
        return _All(writers)


def _save(path: Path, mask_HW: NDArray[Any]) -> None:
    save_png(path, Image.fromarray(mask_HW))


class _Take:
    """Takes the mask of one output of each piece."""

    def __init__(self, settings: Settings, place: int) -> None:
        self._labels, self._place = settings.labels, place

    def __call__(self, piece: ItemRows) -> NDArray[Any]:
        """Return the rows of the mask, uint8."""
        if piece.masks_KHW is not None:
            mask_HW = piece.masks_KHW[self._place] & (piece.label_HW != self._labels.ignore_index)
        elif self._labels.outputs is not None:  # an export that computes labels alone
            mask_HW = output_masks(piece.label_HW, self._labels)[self._place]
        else:
            mask_HW = piece.label_HW == self._place
        return np.where(mask_HW, _FOREGROUND, 0).astype(np.uint8)


class _All(Writer):
    """Writes several files of an item."""

    def __init__(self, writers: list[Writer]) -> None:
        self._writers = writers

    def write(self, piece: ItemRows) -> None:
        """Write the next rows of all files."""
        for each in self._writers:
            each.write(piece)

    def close(self) -> None:
        """Put the files in place."""
        for each in self._writers:
            each.close()

    def discard(self) -> None:
        """Remove the files."""
        for each in self._writers:
            each.discard()


FORMAT = Masks
