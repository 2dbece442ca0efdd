"""What files say of pixels without data counts in training as in prediction."""

import numpy as np
import pytest

from seg.data.label_space import LabelSpace
from seg.data.readers.file_masks import may_lack_data
from seg.data.readers.image_label_pairs import Pair, PairDataset
from seg.data.readers.readers import read_filled
from seg.data.readers.value_range import ImageDecoding
from seg.errors import DataError
from tests.data.readers.written_files import RNG, SHAPE, noise, plant

rasterio = pytest.importorskip("rasterio")
from seg.prediction.rasters import WindowedRaster  # noqa: E402  # the module needs it

pytestmark = pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
LABELS = LabelSpace.identity(("a", "b"), ((0, 0, 0), (1, 1, 1)))
PLACE = {"crs": "EPSG:32632", "transform": rasterio.Affine(2, 0, 0, 0, -2, 0)}


def by_prediction(path, decoding):
    raster = WindowedRaster(str(path), decoding)
    rows = slice(0, raster.height)
    return raster.read(rows, slice(0, raster.width)), raster.without_data(rows)


def assert_lacking(path, decoding, expected_HW):
    """Training and prediction fill the same pixels, and training ignores their labels."""
    image, lacks_data = read_filled(path, decoding)
    predicted, without_data = by_prediction(path, decoding)
    np.testing.assert_array_equal(image, predicted)
    assert np.isfinite(image).all()
    for each in (lacks_data, without_data):
        assert (each is None) == (not expected_HW.any())
        np.testing.assert_array_equal(np.zeros(SHAPE, bool) if each is None else each, expected_HW)
    assert (image[expected_HW] == (128 if image.dtype == np.uint8 else 127.5)).all()
    label = plant(path.parent / "label.tif", np.ones((1, *SHAPE), np.uint8))
    dataset = PairDataset([Pair("a", path, label)], labels=LABELS, split="train")
    dataset.decoding = decoding
    for label_HW in (dataset[0].label, dataset.read_label(0)):
        np.testing.assert_array_equal(label_HW, np.where(expected_HW, 255, 1))


@pytest.mark.parametrize("tiled", [False, True])
def test_a_value_in_all_bands_of_8_bits(tmp_path, tiled):
    values = noise(3)
    values[:, 3:9, 5:20] = 0
    values[1, 15] = 0  # dark in one band alone
    tiles = {"tiled": True, "blockxsize": 16, "blockysize": 16} if tiled else {}
    path = plant(tmp_path / "a.tif", values, nodata=0, photometric="rgb", **tiles)
    assert may_lack_data(path)
    expected = (values == 0).all(0)
    assert expected.sum() >= 90
    assert_lacking(path, ImageDecoding(), expected)
    assert_lacking(path, ImageDecoding(nodata=0.0), (values == 0).any(0))  # declared: in any band


def test_a_value_in_any_band_of_more_bits(tmp_path):
    values = RNG.integers(1, 4096, (4, *SHAPE)).astype(np.uint16)
    values[2, 4] = values[:3, 9] = 0
    path = plant(tmp_path / "a.tif", values, nodata=0)
    decoding = ImageDecoding((0, 4095), bands=(1, 2, 3, 4))
    assert_lacking(path, decoding, (values == 0).any(0))
    of_two = ImageDecoding((0, 4095), bands=(1, 4))
    assert_lacking(path, of_two, (values[[0, 3]] == 0).any(0))


@pytest.mark.parametrize("nodata", [np.nan, -9999.0, float(np.finfo(np.float32).min)])
def test_values_of_floating_point_rasters(tmp_path, nodata):
    values = RNG.random((2, *SHAPE), np.float32)
    values[1, 3:9] = nodata
    path = plant(tmp_path / "a.tif", values, nodata=nodata)
    expected = np.zeros(SHAPE, bool)
    expected[3:9] = True
    for clip in (True, False):
        assert_lacking(path, ImageDecoding((0, 1), bands=(1, 2), clip=clip), expected)


def test_a_mask_inside_the_file(tmp_path):
    mask = np.where(RNG.random(SHAPE) < 0.3, 0, 255).astype(np.uint8)
    for dtype, decoding in ((np.uint8, ImageDecoding()), (np.uint16, ImageDecoding((0, 255)))):
        path = plant(tmp_path / f"{np.dtype(dtype)}.tif", noise(3).astype(dtype))
        assert not may_lack_data(path)
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
            file.write_mask(mask)
        assert may_lack_data(path)
        assert_lacking(path, decoding, mask == 0)


def test_alpha_on_the_map(tmp_path):
    values = noise(4)
    values[3] = np.where(RNG.random(SHAPE) < 0.3, 0, 255)
    path = plant(tmp_path / "a.tif", values, photometric="rgb", alpha="yes", **PLACE)
    assert_lacking(path, ImageDecoding(), values[3] == 0)
    assert_lacking(path, ImageDecoding(bands=(1, 2, 3)), np.zeros(SHAPE, bool))
    assert_lacking(path, ImageDecoding(bands=(1, 2, 3, 4)), np.zeros(SHAPE, bool))


def test_undeclared_nan_is_refused(tmp_path):
    values = RNG.random((1, *SHAPE), np.float32)
    values[0, 3] = np.nan
    path = plant(tmp_path / "a.tif", values)
    with pytest.raises(DataError, match=r"a.tif: .* 40 values that are NaN(.|\n)*nodata=nan"):
        read_filled(path, ImageDecoding((0, 1)))
    assert_lacking(path, ImageDecoding((0, 1), nodata="nan"), np.isnan(values[0]))


def test_a_value_of_a_palette(tmp_path):
    indices = RNG.integers(0, 4, (1, *SHAPE)).astype(np.uint8)
    path = plant(tmp_path / "a.tif", indices, nodata=3, photometric="palette")
    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, {value: (9 * value, 0, 200, 255) for value in range(4)})
    assert_lacking(path, ImageDecoding(), indices[0] == 3)


def test_rotated_files(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    values = noise(3).transpose(1, 2, 0).copy()
    values[:5] = 0
    path = tmp_path / "a.tif"
    tags = [(274, "H", 1, 6, True), (42113, "s", 0, "0", True)]
    tifffile.imwrite(path, values, photometric="rgb", extratags=tags, metadata=None)
    image, lacks_data = read_filled(path)
    np.testing.assert_array_equal(lacks_data, np.rot90((values == 0).all(2), -1))
    assert (image[lacks_data] == 128).all()
    np.testing.assert_array_equal(image[~lacks_data], np.rot90(values, -1)[~lacks_data])
