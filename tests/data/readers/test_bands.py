"""Bands of every format: any number, any type, however they lie in the file."""

import numpy as np
import pytest
from PIL import Image

from seg.data.readers.readers import read_image
from seg.data.readers.value_range import ImageDecoding
from seg.errors import DataError
from tests.data.readers.written_files import RNG, SHAPE, noise, plant, png


def of_bands(bands, value_range=None, **options):
    return ImageDecoding(value_range, bands=tuple(bands), **options)


def deep_png(values_HWC):
    """Return a PNG of 16 bits of grey and alpha, or of colors and alpha."""
    height, width, count = values_HWC.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[count]
    rows = [row.astype(">u2").tobytes() for row in values_HWC]
    return png((width, height, 16, kind), rows)


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_alpha_is_a_band_where_it_is_declared(tmp_path, count, suffix):
    if (count, suffix) == (2, "webp"):
        pytest.skip("WebP has no grey")
    values = noise(count).transpose(1, 2, 0)
    Image.fromarray(values).save(tmp_path / f"a.{suffix}", lossless=True, exact=True)
    path = tmp_path / f"a.{suffix}"
    for bands in (range(1, count + 1), range(count, 0, -1)):
        image = read_image(path, decoding=of_bands(bands))
        np.testing.assert_array_equal(image, values[..., [band - 1 for band in bands]])
        assert image.dtype == np.uint8
    names = ("gray", "alpha") if count == 2 else ("Red", "green", "BLUE", "alpha")
    np.testing.assert_array_equal(read_image(path, decoding=of_bands(names)), values)
    alone = read_image(path, decoding=of_bands(("alpha",)))
    np.testing.assert_array_equal(alone, values[..., -1:].repeat(3, 2))
    for bands in ((1,), (2, 1), (1, 2, 3))[: count - 1]:
        if count not in bands:
            with pytest.raises(DataError, match="transparent pixels"):
                read_image(path, decoding=of_bands(bands))
    with pytest.raises(DataError, match=rf"image holds {count} bands, and dataset.bands"):
        read_image(path, decoding=of_bands((1, 5)))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_pngs_of_16_bits(tmp_path, count):
    values = noise(count, 16).transpose(1, 2, 0)
    (tmp_path / "a.png").write_bytes(deep_png(values))
    decoding = of_bands(range(1, count + 1), (0, 65535))
    image = read_image(tmp_path / "a.png", decoding=decoding)
    expected = values * np.float32(255 / 65535)
    np.testing.assert_allclose(image, expected.repeat(3 if count == 1 else 1, 2), atol=1e-4)
    assert image.dtype == np.float32
    assert np.modf(image)[0].any()


def test_some_bands_of_colors(tmp_path):
    values = noise(3).transpose(1, 2, 0)
    Image.fromarray(values).save(tmp_path / "a.png")
    Image.fromarray(values).save(tmp_path / "a.jpg", quality=95)
    for path in (tmp_path / "a.png", tmp_path / "a.jpg"):
        rgb = read_image(path)
        for bands in ((3, 2, 1), (2,), (1, 3), ("blue", "red", 2)):
            image = read_image(path, decoding=of_bands(bands))
            at = [{"red": 1, "green": 2, "blue": 3}.get(band, band) - 1 for band in bands]
            expected = rgb[..., at].repeat(3 if len(at) == 1 else 1, 2)
            np.testing.assert_array_equal(image, expected)
            assert image.flags.writeable
    with pytest.raises(DataError, match="no band named 'nir': its bands are 'red', 'green'"):
        read_image(path, decoding=of_bands(("red", "nir")))


LAYOUTS = {
    "strips": {},
    "tiles": {"tiled": True, "blockxsize": 16, "blockysize": 16},
    "planar": {"interleave": "band"},
    "planar tiles": {"interleave": "band", "tiled": True, "blockxsize": 16, "blockysize": 16},
    "big-endian": {"ENDIANNESS": "BIG"},
    "bigtiff": {"BIGTIFF": "YES"},
    "both": {"ENDIANNESS": "BIG", "BIGTIFF": "YES", "interleave": "band"},
    "deflate": {"compress": "deflate"},
    "zstd": {"compress": "zstd"},
}
TYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]


@pytest.mark.parametrize("kind", TYPES)
def test_tiffs_of_gdal(tmp_path, kind):
    pytest.importorskip("rasterio")
    for count in (1, 2, 4, 7):
        values = RNG.integers(0, 100, (count, *SHAPE)).astype(kind)
        if np.dtype(kind).kind in "if":
            values -= np.array(50, kind)
        expected = (values.astype(float).transpose(1, 2, 0) + 60) * 255 / 200
        if count == 1:
            expected = expected.repeat(3, 2)
        decoding = of_bands(range(1, count + 1), (-60, 140), clip=False)
        for name, options in LAYOUTS.items():
            grey = {"photometric": "minisblack", "alpha": "no"}
            path = plant(tmp_path / "a.tif", values, **options, **grey)
            image = read_image(path, decoding=decoding)
            np.testing.assert_allclose(image, expected, atol=1e-3, err_msg=f"{name} {count}")
            assert (image.dtype, image.flags.c_contiguous) == (np.float32, True)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float16", "float32", "int16", "float64"])
def test_tiffs_of_tifffile(tmp_path, kind):
    tifffile = pytest.importorskip("tifffile")
    pytest.importorskip("rasterio")
    for count in (2, 4, 5):
        values = RNG.integers(0, 100, (count, *SHAPE)).astype(kind)
        expected = values.astype(float).transpose(1, 2, 0)
        decoding = of_bands(range(1, count + 1), (0, 255))
        for order in "<>":
            for planar in ("contig", "separate"):
                for big, tile in ((False, None), (True, (16, 16))):
                    array = values.transpose(1, 2, 0) if planar == "contig" else values
                    options = {"planarconfig": planar, "photometric": "minisblack", "tile": tile}
                    with tifffile.TiffWriter(tmp_path / "a.tif", bigtiff=big, byteorder=order) as f:
                        f.write(array, **options, extrasamples=["unspecified"] * (count - 1))
                    image = read_image(tmp_path / "a.tif", decoding=decoding)
                    np.testing.assert_allclose(image, expected, atol=1e-4)


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_bands_by_their_descriptions(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    values = noise(4, 16)
    path = plant(tmp_path / "a.tif", values, photometric="rgb")
    with rasterio.open(path, "r+") as file:
        file.descriptions = ("B2", "B3", "B4", "NIR")
    decoding = of_bands(("nir", "b2"), (0, 65535))
    expected = values[[3, 0]].transpose(1, 2, 0) * np.float32(255 / 65535)
    np.testing.assert_allclose(read_image(path, decoding=decoding), expected, atol=1e-4)
    with pytest.raises(DataError, match="no band named 'swir': its bands are 'B2', 'B3', "):
        read_image(path, decoding=of_bands(("swir",), (0, 65535)))


@pytest.mark.parametrize("count", [1, 2, 4, 5])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_bands_of_jpeg_2000(tmp_path, count, kind):
    pytest.importorskip("rasterio")
    values = noise(count, 8 * np.dtype(kind).itemsize)
    options = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"}
    path = plant(tmp_path / "a.jp2", values, **options)
    decoding = of_bands(range(1, count + 1), (0, np.iinfo(kind).max))
    expected = values.transpose(1, 2, 0) * np.float32(255 / np.iinfo(kind).max)
    image = read_image(path, decoding=decoding)
    np.testing.assert_allclose(image, expected.repeat(3 if count == 1 else 1, 2), atol=1e-4)
