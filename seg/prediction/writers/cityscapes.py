"""`cityscapes.zip`: for the test server of Cityscapes, and for cityscapesScripts."""

import re
from collections.abc import Sequence

import numpy as np
from PIL import Image

from seg.data.datasets.cityscapes import OFFICIAL
from seg.errors import ConfigError
from seg.inference.image_source import Raster
from seg.io.zip import write_zip
from seg.prediction.items import Item
from seg.prediction.writer import PARTS, BufferedWriter, Format, ManifestEntry, Settings, Writer
from seg.visualization.grids import save_png

_NAME = re.compile(r"(?:.*/)?([^/_]+_\d{6}_\d{6})[^/]*")  # csHelpers.py of cityscapesScripts
_UNLABELED = 0


class CityscapesArchive(Format):
    """`CITY_SEQUENCE_FRAME_labelIds.png` of official ids for each image of such a name.

    Raises:
        ConfigError: a class that Cityscapes does not have; two images of one frame.
    """

    name = "cityscapes"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        ids = {name: id_ for id_, name, _, _ in OFFICIAL if id_ >= 0}
        unknown = [name for name in settings.labels.names if name not in ids]
        if unknown:
            raise ConfigError(
                f"formats=cityscapes: the network's class {unknown[0]!r} is none of Cityscapes'\n"
                "  its server takes what was trained on dataset=cityscapes"
            )
        self._ids = np.full(256, _UNLABELED, np.uint8)
        self._ids[: settings.labels.num_classes] = [ids[name] for name in settings.labels.names]

    def targets(self, item: Item) -> tuple[str, ...]:
        """Return the part of an item's frame."""
        return (f"{PARTS}/cityscapes/{self._frame(item)}_labelIds.png",)

    def open(self, item: Item, raster: Raster) -> Writer:
        """Start to write the label map of official ids."""
        path = self.path(self.targets(item)[0])
        return BufferedWriter(
            raster.height,
            lambda piece: self._ids[piece.label_HW],
            lambda ids_HW: save_png(path, Image.fromarray(ids_HW)),
        )

    def merged_files(self, items: Sequence[Item]) -> tuple[str, ...]:
        """Return the archive."""
        return ("cityscapes.zip",)

    def merge(self, done: Sequence[tuple[Item, ManifestEntry]]) -> None:
        """Write the archive."""
        parts = [self.path(self.targets(item)[0]) for item, _ in done]
        write_zip(self.path("cityscapes.zip"), [(part.name, part) for part in parts])

    def _frame(self, item: Item) -> str:
        """Return city, sequence and frame of an item's name."""
        match = _NAME.fullmatch(item.name)
        if match is None:
            raise ConfigError(
                f"formats=cityscapes: {item.source}: is not named CITY_SEQUENCE_FRAME, each number "
                "of six digits, as in berlin_000000_000019_leftImg8bit.png\n"
                "  give the images of Cityscapes as input"
            )
        return match[1]


FORMAT = CityscapesArchive
