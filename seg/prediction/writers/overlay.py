"""`NAME_overlay.png`: the colours of the classes over the picture; of rasters a GeoTIFF."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seg.inference.image_source import Raster
from seg.prediction.items import Item
from seg.prediction.writer import BufferedWriter, Format, ItemRows, Writer
from seg.visualization.grids import overlay, save_png


class Overlay(Format):
    """RGB, as opaque as `overlay_opacity` says."""

    name = "overlay"
    keeps_place = True

    def targets(self, item: Item) -> tuple[str, ...]:
        return (f"{item.name}_overlay{'.tif' if item.kind == 'raster' else '.png'}",)

    def open(self, item: Item, raster: Raster) -> Writer:
        path = self.path(self.targets(item)[0])
        if item.kind == "raster":
            from seg.prediction.rasters import GeoTiff

            return GeoTiff(path, raster, self._blend)
        return BufferedWriter(
            raster.height, self._blend, lambda shown: save_png(path, Image.fromarray(shown))
        )

    def _blend(self, piece: ItemRows) -> NDArray[np.uint8]:
        shown = overlay(
            piece.image, piece.label_HW, self.settings.labels, self.settings.overlay_opacity
        )
        return np.asarray(shown)


FORMAT = Overlay
