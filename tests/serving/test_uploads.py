"""What is read of uploads that are in order."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.errors import DataError
from seg.serving.uploads import decode

PIXELS = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
BANDS = ImageDecoding(bands=(1, 2, 3, 4))


def _saved(image: Image.Image, name: str, **options: object) -> bytes:
    stream = BytesIO()
    image.save(stream, name, **options)
    return stream.getvalue()


def test_images_are_turned_upright_as_their_exif_says():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter to the right
    content = _saved(Image.fromarray(PIXELS), "PNG", exif=exif)
    raster = decode(content, PLAIN, max_pixels=10**6)
    np.testing.assert_array_equal(raster.image_HWC, np.rot90(PIXELS, -1))


def test_a_jpeg_with_a_preview_in_its_header_is_whole_only_with_its_own_end():
    preview = _saved(Image.new("RGB", (8, 8)), "JPEG")
    content = _saved(Image.fromarray(PIXELS), "JPEG")
    segment = b"\xff\xe5" + (len(preview) + 2).to_bytes(2) + preview
    with_preview = content[:2] + segment + content[2:]
    raster = decode(with_preview, PLAIN, max_pixels=10**6)
    np.testing.assert_array_equal(
        raster.image_HWC, decode(content, PLAIN, max_pixels=10**6).image_HWC
    )
    with pytest.raises(DataError, match="truncated"):
        decode(with_preview[:-2], PLAIN, max_pixels=10**6)


def test_arrays_are_read_where_the_network_declares_bands():
    values_HWC = np.random.default_rng(0).integers(0, 255, (20, 30, 4), np.uint8)
    stream = BytesIO()
    np.save(stream, values_HWC)
    raster = decode(stream.getvalue(), BANDS, max_pixels=10**6)
    np.testing.assert_array_equal(raster.image_HWC, values_HWC)
    with pytest.raises(DataError, match="pixels"):
        decode(stream.getvalue(), BANDS, max_pixels=100)
    with pytest.raises(DataError, match=r"allowed: PNG, JPEG, WebP, BMP, TIFF$"):
        decode(stream.getvalue(), PLAIN, max_pixels=10**6)


def test_archives_of_arrays_are_never_read():
    stream = BytesIO()
    np.savez(stream, image=np.zeros((9, 9, 4), np.uint8))
    with pytest.raises(DataError, match="no allowed format"):
        decode(stream.getvalue(), BANDS, max_pixels=10**6)
