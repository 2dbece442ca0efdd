"""`pascal_voc.zip`: for the evaluation server of Pascal VOC 2012."""

from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from seg.data.datasets.pascal_voc import LABELS
from seg.errors import ConfigError
from seg.inference.image_source import Raster
from seg.io.zip import write_zip
from seg.prediction.items import Item
from seg.prediction.writer import PARTS, BufferedWriter, Format, ManifestEntry, Settings, Writer
from seg.visualization.grids import palette_image, save_png

_DIRECTORY = "results/VOC2012/Segmentation/comp6_test_cls"
_BACKGROUND = 0


class VocArchive(Format):
    """`results/VOC2012/Segmentation/comp6_test_cls/ID.png`, indexed PNGs in VOC's colors.

    Raises:
        ConfigError: a class that VOC does not have; two images of one ID.
    """

    name = "pascal_voc"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        unknown = [name for name in settings.labels.names if name not in LABELS.names]
        if unknown:
            raise ConfigError(
                f"formats=pascal_voc: the network's class {unknown[0]!r} is none of VOC's\n"
                "  its server takes what was trained on dataset=pascal_voc"
            )
        self._ids = np.full(256, _BACKGROUND, np.uint8)
        self._ids[: settings.labels.num_classes] = [
            LABELS.names.index(name) for name in settings.labels.names
        ]

    def targets(self, item: Item) -> tuple[str, ...]:
        """Return the part of an item."""
        return (f"{PARTS}/pascal_voc/{PurePosixPath(item.name).name}.png",)

    def open(self, item: Item, raster: Raster) -> Writer:
        """Start to write the label map of VOC's ids."""
        path = self.path(self.targets(item)[0])
        return BufferedWriter(
            raster.height,
            lambda piece: self._ids[piece.label_HW],
            lambda ids_HW: save_png(path, palette_image(ids_HW, LABELS)),
        )

    def merged_files(self, items: Sequence[Item]) -> tuple[str, ...]:
        """Return the archive."""
        return ("pascal_voc.zip",)

    def merge(self, done: Sequence[tuple[Item, ManifestEntry]]) -> None:
        """Write the archive."""
        parts = [self.path(self.targets(item)[0]) for item, _ in done]
        write_zip(
            self.path("pascal_voc.zip"), [(f"{_DIRECTORY}/{part.name}", part) for part in parts]
        )


FORMAT = VocArchive
