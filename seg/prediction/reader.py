"""The reader of items."""

from seg.data.readers.gdal import has_gdal
from seg.data.readers.image_decoding import MAX_PIXELS
from seg.data.readers.readers import read_filled
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.errors import DataError
from seg.inference.image_source import ArrayRaster, Raster
from seg.prediction.items import Item
from seg.prediction.video import FrameReader, frame_raster


class ItemReader:
    """Opens items one after the other; for one thread alone.

    Args:
        max_pixels: larger images are refused, since a small file may unpack to any size.
        decoding: how the network was trained to read the values of image files.
    """

    def __init__(self, *, max_pixels: int = MAX_PIXELS, decoding: ImageDecoding = PLAIN) -> None:
        self._max_pixels = max_pixels
        self._decoding = decoding
        self._frames = FrameReader()

    def open(self, item: Item) -> Raster:
        """Decode an item, or open one that is read window by window.

        Raises:
            DataError: it is missing, damaged, too large or no image; the message names it.
        """
        if item.fault:
            raise DataError(item.fault)
        if item.kind == "frame":
            frame_HW3 = self._frames.read(item.source, item.part)
            return frame_raster(frame_HW3, self._decoding, item.source)
        if item.kind == "raster":
            from seg.prediction.rasters import WindowedRaster

            raster = WindowedRaster(item.source, self._decoding)
            if raster.height * raster.width > self._max_pixels:
                size = f"{raster.width} x {raster.height}"
                raise self._too_large(f"{item.source}: a raster of {size}")
            return raster
        page = item.part if item.kind == "page" else None
        try:
            return ArrayRaster(
                *read_filled(item.source, self._decoding, page=page, max_pixels=self._max_pixels)
            )
        except DataError as error:
            if error.fault == "too_large":
                raise self._too_large(f"{item.source}: an image") from None
            raise

    def _too_large(self, what: str) -> DataError:
        """Return the error of an image with too many pixels."""
        windows = "" if has_gdal() else "; the extra `rasters` reads TIFFs window by window"
        return DataError(
            f"{what} with more than max_pixels={self._max_pixels} pixels\n"
            f"  give a larger max_pixels if you trust it{windows}",
            fault="too_large",
        )
