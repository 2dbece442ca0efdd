"""`NAME_overlay.png`: the colors of the classes over the image; of rasters a GeoTIFF."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seg.inference.image_source import Raster
from seg.prediction.items import Item
from seg.prediction.writer import BufferedWriter, Format, ItemRows, Writer
from seg.visualization.grids import overlay, save_png


class Overlay(Format):
    """RGB images with the opacity `overlay_opacity`."""

    name = "overlay"
    keeps_place = True
    takes_overlaps = True

    def targets(self, item: Item) -> tuple[str, ...]:
        """Return the overlay's file."""
        return (f"{item.name}_overlay{'.tif' if item.kind == 'raster' else '.png'}",)

    def open(self, item: Item, raster: Raster) -> Writer:
        """Start to write an overlay."""
        path = self.path(self.targets(item)[0])
        if item.kind == "raster":
            from seg.prediction.rasters import GeoTiff

            return GeoTiff(path, raster, self._blend)
        return BufferedWriter(
            raster.height, self._blend, lambda image_HW3: save_png(path, Image.fromarray(image_HW3))
        )

    def _blend(self, piece: ItemRows) -> NDArray[np.uint8]:
        """Return the colors of some rows blended into the image."""
        opacity = self.settings.options.overlay_opacity
        return np.asarray(overlay(piece.image, piece.label_HW, self.settings.labels, opacity))


FORMAT = Overlay
