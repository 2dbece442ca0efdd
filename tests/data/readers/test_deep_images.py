"""Images of more than eight bits need a declared range of values."""

import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from seg.data.readers.readers import read_colors, read_image
from seg.data.readers.value_range import ImageDecoding
from seg.errors import DataError
from tests.data.readers.written_files import (
    RNG,
    SHAPE,
    depth,
    full_range,
    noise,
    plant,
    png,
    scaled,
)

DEEP = RNG.integers(0, 4096, (*SHAPE, 3)).astype(np.uint16)


def ppm(values_HW3, largest):
    return b"P6\n40 24\n%d\n" % largest + values_HW3.astype(">u2").tobytes()


def encoded(kind):
    values = {"grey.png": DEEP[..., 0], "rgba.png": np.dstack([DEEP, np.full(SHAPE, 65535)])}
    if kind == "ppm":
        return ppm(DEEP, 65535)
    if kind == "pgm":
        return b"P5 40 24 65535 " + DEEP[..., 0].astype(">u2").tobytes()
    suffix = f".{kind.rpartition('.')[2]}"
    image = values.get(kind, DEEP).astype(np.uint16)
    if image.ndim == 3:
        image = image[..., [2, 1, 0, 3][: image.shape[2]]]
    return cv2.imencode(suffix, image)[1].tobytes()


@pytest.mark.parametrize("kind", ["grey.png", "rgb.png", "rgba.png", "rgb.tif", "pgm", "ppm"])
def test_more_than_eight_bits_need_a_declared_range(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(encoded(kind))
    values = DEEP if kind[0] == "r" or kind == "ppm" else DEEP[..., :1]
    with pytest.raises(DataError, match=rf"{values.min()} to {values.max()}.*\n.*=\[0,4095\]"):
        read_image(path)
    image = read_image(path, decoding=full_range(12))
    expected = values * np.float32(255 / 4095)
    np.testing.assert_array_equal(image, np.broadcast_to(expected, image.shape))
    part = read_image(path, decoding=ImageDecoding(value_range=(1000, 2000)))
    clipped = (np.clip(values, 1000, 2000) - 1000.0) * 255 / 1000
    np.testing.assert_allclose(part, np.broadcast_to(clipped, part.shape), atol=1e-4)


def test_all_bits_of_the_case(tmp_path):
    values = np.tile(np.arange(4096, dtype=np.uint16), (8, 1))
    Image.fromarray(values).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png", decoding=full_range(12))
    assert len(np.unique(image)) == 4096
    assert image.max() == 255


def test_grey_and_alpha_of_sixteen_bits(tmp_path):
    """Written by hand: color type 4."""
    pairs = np.stack([DEEP[..., 0], np.full(SHAPE, 65535)], 2).astype(">u2")
    rows = [row.tobytes() for row in pairs]
    (tmp_path / "a.png").write_bytes(png((SHAPE[1], SHAPE[0], 16, 4), rows))
    image = read_image(tmp_path / "a.png", decoding=full_range(12))
    np.testing.assert_array_equal(image[..., 1], DEEP[..., 0] * np.float32(255 / 4095))


def png_with_a_clear_color(values, clear):
    """A PNG of 16 bits of which one color is transparent."""
    height, width = values.shape[:2]
    rows = [row.astype(">u2").tobytes() for row in values]
    header = (width, height, 16, 2 if values.ndim == 3 else 0)
    return png(header, rows, tRNS=np.array(clear, ">u2").tobytes())


@pytest.mark.parametrize("kind", ["grey", "rgb"])
def test_a_clear_color_of_sixteen_bits(tmp_path, kind):
    values = DEEP if kind == "rgb" else DEEP[..., 0]
    path = tmp_path / "a.png"
    path.write_bytes(png_with_a_clear_color(values, np.full(values.shape[2:], 65000)))
    with pytest.raises(DataError, match="16-bit values"):
        read_image(path)
    image = read_image(path, decoding=full_range(12))
    expected = (values * np.float32(255 / 4095)).reshape(*SHAPE, -1)
    np.testing.assert_array_equal(image, np.broadcast_to(expected, image.shape))
    path.write_bytes(png_with_a_clear_color(values, values[3, 4]))
    with pytest.raises(DataError, match="transparent pixels"):
        read_image(path, decoding=full_range(12))


def test_colors_that_are_converted_have_no_bands(tmp_path):
    Image.fromarray(DEEP.astype(np.uint8)).quantize(8).save(tmp_path / "a.png")
    Image.fromarray(DEEP.astype(np.uint8)).convert("CMYK").save(tmp_path / "a.jpg")
    for name in ("a.png", "a.jpg"):
        read_image(tmp_path / name, decoding=ImageDecoding(bands=(1, 2, 3)))
        for bands in ((3, 2, 1), (1,), (1, 2, 3, 4)):
            with pytest.raises(DataError, match=r"bands=\[.*\] is(\n)? declared"):
                read_image(tmp_path / name, decoding=ImageDecoding(bands=bands))


def test_a_range_for_eight_bits(tmp_path):
    values = RNG.integers(0, 256, (*SHAPE, 3)).astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "a.png")
    Image.fromarray(values).save(tmp_path / "a.bmp")
    for name in ("a.png", "a.bmp"):
        image = read_image(tmp_path / name, decoding=ImageDecoding(value_range=(0, 100)))
        expected = np.rint(np.minimum(values, 100) * 2.55).astype(np.uint8)
        assert abs(image.astype(int) - expected).max() <= 1
        with pytest.raises(DataError, match=r"8 bits, 0 to 255.*\[0,4095\]"):
            read_image(tmp_path / name, decoding=full_range(12))


def test_colors_of_sixteen_bits_are_no_codes(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded("rgb.png"))
    with pytest.raises(DataError, match="16 bits a channel; allowed: 8"):
        read_colors(tmp_path / "a.png")


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_jpeg2000(tmp_path, has_extra, bits, count):
    values = noise(count, bits)
    lossless = {"QUALITY": "100", "REVERSIBLE": "YES"}
    path = plant(tmp_path / "a.jp2", values, driver="JP2OpenJPEG", **lossless, **depth(bits))
    expected = np.broadcast_to(scaled(values, bits), (*SHAPE, 3))
    if has_extra or (bits, count) == (8, 1):
        image = read_image(path, decoding=full_range(bits))
        np.testing.assert_array_equal(image, expected)
        return
    # Pillow takes three lossless bands of GDAL for a broken stream
    with pytest.raises(DataError, match=r"JPEG ?2000.*\n.*\[rasters\]"):
        read_image(path, decoding=full_range(bits))


def test_directories_in_a_circle(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(DEEP[..., 0]).save(buffer, "TIFF")
    content = bytearray(buffer.getvalue())
    (start,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, start)
    struct.pack_into("<I", content, start + 2 + 12 * entries, start)
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(DataError, match="in a circle"):
        read_image(tmp_path / "a.tif")
