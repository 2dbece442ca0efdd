"""Unusual but valid files give the values that were written, to training and prediction alike."""

import struct

import numpy as np
import pytest

from seg.data.readers.readers import read_image, read_label
from seg.data.readers.value_range import ImageDecoding
from seg.errors import DataError
from tests.data.readers.written_files import (
    RNG,
    SHAPE,
    by_prediction,
    full_range,
    noise,
    packed_rows,
    plant,
    png,
    scaled,
)

PLACE = {"crs": "EPSG:32632", "transform": (2, 0, 690_000, 0, -2, 5_335_000)}


def placed():
    rasterio = pytest.importorskip("rasterio")
    return PLACE | {"transform": rasterio.Affine(*PLACE["transform"])}


@pytest.mark.parametrize("codec", ["zstd", "lzma"])
def test_deep_colors_in_other_compressions(tmp_path, codec):
    values = noise(3, 16)
    path = plant(tmp_path / "a.tif", values, photometric="rgb", compress=codec, **placed())
    for read in (read_image, by_prediction):
        image = read(path, decoding=full_range(16))
        np.testing.assert_array_equal(image, scaled(values, 16))


@pytest.mark.parametrize("bits", [8, 16])
def test_big_tiffs_of_either_byte_order(tmp_path, bits):
    values = noise(1, bits)
    for order in ("LITTLE", "BIG"):
        options = {"BIGTIFF": "YES", "ENDIANNESS": order} | placed()
        path = plant(tmp_path / f"{order}.tif", values, **options)
        np.testing.assert_array_equal(read_label(path), values[0])
        for read in (read_image, by_prediction):
            image = read(path, decoding=full_range(bits))
            np.testing.assert_array_equal(image, scaled(values, bits).repeat(3, 2))


def test_coarse_colors_of_jpeg_are_enlarged_alike(tmp_path):
    options = {"photometric": "ycbcr", "compress": "jpeg"} | placed()
    path = plant(tmp_path / "a.tif", noise(3), **options)
    np.testing.assert_array_equal(read_image(path), by_prediction(path, ImageDecoding()))


@pytest.mark.parametrize("kind", ["int16", "float32"])
def test_zero_is_no_white_of_signed_values(tmp_path, kind):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "a.tif", noise(1)[0].astype(kind), photometric="miniswhite")
    with pytest.raises(DataError, match="of which 0 means white"):
        read_image(tmp_path / "a.tif", decoding=full_range(8))


@pytest.mark.parametrize("clear", ["there", "elsewhere"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_clear_grey_of_few_bits(tmp_path, bits, clear):
    """tRNS (ISO/IEC 15948) holds a stored value, not a stretched one."""
    top = 2**bits - 1
    values = RNG.integers(0, top, SHAPE) if top > 1 else np.zeros(SHAPE, int)
    values[3, 4] = top if clear == "there" else 0
    path = tmp_path / "a.png"
    header = (SHAPE[1], SHAPE[0], bits, 0)
    path.write_bytes(png(header, packed_rows(values, bits), tRNS=struct.pack(">H", top)))
    np.testing.assert_array_equal(read_label(path), values)
    if clear == "there":
        with pytest.raises(DataError, match="transparent pixels"):
            read_image(path)
    else:
        expected = (values * (255 // top)).astype(np.uint8)[..., None].repeat(3, 2)
        np.testing.assert_array_equal(read_image(path), expected)


def test_small_largest_values_of_pgm_and_ppm_are_white(tmp_path):
    values = RNG.integers(0, 101, (*SHAPE, 3)).astype(np.uint8)
    head = b"%d %d\n100\n" % SHAPE[::-1]
    (tmp_path / "a.ppm").write_bytes(b"P6\n" + head + values.tobytes())
    (tmp_path / "a.pgm").write_bytes(b"P5\n" + head + values[..., 0].tobytes())
    color, grey = read_image(tmp_path / "a.ppm"), read_image(tmp_path / "a.pgm")
    np.testing.assert_array_equal(grey[..., 0], color[..., 0])
    assert abs(color - values * 2.55).max() <= 0.51
