"""Images that others send: checked by their headers before they are decoded."""

from seg.data.readers.readers import read_filled
from seg.data.readers.urls import in_memory_file
from seg.data.readers.value_range import ImageDecoding
from seg.inference.image_source import ArrayRaster


def decode(content: bytes, decoding: ImageDecoding, *, max_pixels: int) -> ArrayRaster:
    """Decode an image file in memory, as `seg.predict` does its files.

    Raises:
        DataError: it is no image, damaged, too large, or not of the declared kind.
    """
    with in_memory_file(content, "image") as location:
        return ArrayRaster(*read_filled(location, decoding, max_pixels=max_pixels))
