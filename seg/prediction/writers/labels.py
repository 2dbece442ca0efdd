"""`NAME.png`: a label map as a palette PNG; of rasters `NAME.tif`, with their place on the map."""

from typing import Any

from numpy.typing import NDArray
from PIL import Image

from seg.data.label_values import LabelValues
from seg.inference.image_source import Raster
from seg.prediction.items import Item
from seg.prediction.writer import BufferedWriter, Format, Writer
from seg.visualization.grids import save_png


class Labels(Format):
    """Label maps with the values of `LabelValues`; `ignored` where a raster has no data.

    If a value is above 255 the files have 16 bits, and no colors.
    """

    name = "labels"
    keeps_place = True
    holds_values = True

    def targets(self, item: Item) -> tuple[str, ...]:
        """Return the label map's file."""
        return (f"{item.name}.tif" if item.kind == "raster" else f"{item.name}.png",)

    def open(self, item: Item, raster: Raster) -> Writer:
        """Start to write a label map."""
        path, values = self.path(self.targets(item)[0]), self.settings.label_values
        if item.kind == "raster":
            from seg.prediction.rasters import GeoTiff

            return GeoTiff(
                path, raster, lambda piece: values.written(piece.label_HW), values=values
            )
        return BufferedWriter(
            raster.height,
            lambda piece: values.written(piece.label_HW),
            lambda value_HW: save_png(path, value_image(value_HW, values)),
        )


def value_image(value_HW: NDArray[Any], values: LabelValues) -> Image.Image:
    """Return values as an image: with a palette, or of 16 bits."""
    image = Image.fromarray(value_HW)  # grey, of 8 or 16 bits
    if image.mode == "L":
        image.putpalette(values.palette().tobytes())
    return image


FORMAT = Labels
