"""`NAME.png`: class ids as a palette PNG; of rasters `NAME.tif`, with their place on the map."""

from seg.inference.raster import Raster
from seg.outputs.pictures import palette_image, save_png
from seg.prediction.format import Format, Gathered, Writer
from seg.prediction.items import Item


class Labels(Format):
    """The pixel values are train ids; `ignore_index` where a raster has no data."""

    name = "labels"

    def targets(self, item: Item) -> tuple[str, ...]:
        return (f"{item.name}.tif" if item.kind == "raster" else f"{item.name}.png",)

    def begin(self, item: Item, raster: Raster) -> Writer:
        path, labels = self.path(self.targets(item)[0]), self.settings.labels
        if item.kind == "raster":
            from seg.prediction.rasters import GeoTiff

            return GeoTiff(path, raster, lambda piece: piece.label_HW, labels=labels)
        return Gathered(
            raster.height,
            lambda piece: piece.label_HW,
            lambda label_HW: save_png(path, palette_image(label_HW, labels)),
        )


FORMAT = Labels
