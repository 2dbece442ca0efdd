"""`pascal_voc.zip`: for the evaluation server of Pascal VOC 2012."""

from pathlib import PurePosixPath
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seg.data.datasets.pascal_voc import LABELS
from seg.prediction.items import Item
from seg.prediction.server_archive import ServerArchive
from seg.visualization.grids import palette_image


class VocArchive(ServerArchive):
    """`results/VOC2012/Segmentation/comp6_test_cls/ID.png`, indexed PNGs in VOC's colors."""

    name = "pascal_voc"
    file = "pascal_voc.zip"
    owner = "VOC's"
    ids: ClassVar = {name: id_ for id_, name in enumerate(LABELS.names)}
    directory = "results/VOC2012/Segmentation/comp6_test_cls/"

    def file_name(self, item: Item) -> str:
        """Return the image's ID as a PNG."""
        return f"{PurePosixPath(item.name).name}.png"

    def draw(self, ids_HW: NDArray[np.uint8]) -> Image.Image:
        """Return ids as an indexed image."""
        return palette_image(ids_HW, LABELS)


FORMAT = VocArchive
