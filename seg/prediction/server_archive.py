"""Archives of label maps for the test servers of benchmarks."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seg.errors import ConfigError
from seg.inference.image_source import Raster
from seg.io.zip import write_zip
from seg.prediction.items import Item
from seg.prediction.writer import PARTS, BufferedWriter, Format, ManifestEntry, Settings, Writer
from seg.visualization.grids import save_png


class ServerArchive(Format):
    """An archive: a PNG of a benchmark's own class ids for each image; 0 where there is no class.

    Attributes:
        owner: whose classes they are, for messages.
        ids: class name -> id.
        directory: in the archive, with a slash at its end.

    Raises:
        ConfigError: a class that the benchmark does not have; two images of one file.
    """

    owner: ClassVar[str]
    ids: ClassVar[Mapping[str, int]]
    directory: ClassVar[str] = ""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        names = settings.labels.names
        unknown = [name for name in names if name not in self.ids]
        if unknown:
            raise ConfigError(
                f"formats={self.name}: the network's class {unknown[0]!r} is none of {self.owner}\n"
                f"  its server takes what was trained on dataset={self.name}"
            )
        self._id_of = np.zeros(np.iinfo(settings.labels.dtype).max + 1, np.uint8)
        self._id_of[: len(names)] = [self.ids[name] for name in names]

    @abstractmethod
    def file_name(self, item: Item) -> str:
        """Return the name of an item's file in the archive's directory."""

    def draw(self, ids_HW: NDArray[np.uint8]) -> Image.Image:
        """Return ids as an image."""
        return Image.fromarray(ids_HW)

    def targets(self, item: Item) -> tuple[str, ...]:
        """Return the part of an item."""
        return (f"{PARTS}/{self.name}/{self.file_name(item)}",)

    def open(self, item: Item, raster: Raster) -> Writer:
        """Start to write the label map of ids."""
        path = self.path(self.targets(item)[0])
        return BufferedWriter(
            raster.height,
            lambda piece: self._id_of[piece.label_HW],
            lambda ids_HW: save_png(path, self.draw(ids_HW)),
        )

    def merge(self, done: Sequence[tuple[Item, ManifestEntry]]) -> None:
        """Write the archive."""
        parts = [self.path(self.targets(item)[0]) for item, _ in done]
        named = [(f"{self.directory}{part.name}", part) for part in parts]
        write_zip(self.path(self.file), named)
