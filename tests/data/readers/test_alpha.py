"""Transparent pixels are refused in every format, but where alpha is a mask on the map."""

import warnings

import numpy as np
import pytest
from PIL import Image

from seg.data.readers.readers import read_filled, read_image
from seg.data.readers.value_range import ImageDecoding
from seg.errors import DataError
from tests.data.readers.written_files import by_prediction

RNG = np.random.default_rng(0)
SIZE = (24, 40)
COLORS = RNG.integers(0, 256, (*SIZE, 3)).astype(np.uint8)
HALF = np.where(np.arange(40) < 20, 0, 255).astype(np.uint8) * np.ones((24, 1), np.uint8)
ALPHAS = {"none": np.zeros(SIZE, np.uint8), "half": HALF, "soft": HALF // 2 + 100}
WORLD = "2.0\n0.0\n0.0\n-2.0\n690001.0\n5334999.0\n"


def by_training(path, decoding=None):
    return read_image(path, decoding=decoding or ImageDecoding())


def save(path, alpha, *, grey=False):
    bands = np.dstack([COLORS[..., :1] if grey else COLORS, alpha])
    lossless = {"lossless": True, "exact": True} if path.suffix == ".webp" else {}
    Image.fromarray(bands).save(path, **lossless)
    return path


@pytest.mark.parametrize("read", [by_training, by_prediction])
@pytest.mark.parametrize("kind", list(ALPHAS))
@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "jp2"])
def test_one_rule_for_all_formats(tmp_path, suffix, kind, read):
    path = save(tmp_path / f"a.{suffix}", ALPHAS[kind])
    with pytest.raises(DataError, match="transparent pixels") as caught:
        read(path)
    if suffix in ("tif", "jp2"):
        pytest.importorskip("rasterio")
        assert "dataset.bands=[1,2,3]" in str(caught.value)
        image = read(path, ImageDecoding(bands=(1, 2, 3)))
        assert np.array_equal(image, COLORS) or suffix == "jp2"
    np.testing.assert_array_equal(read(save(path, np.full(SIZE, 255, np.uint8))), COLORS)


def test_grey_and_alpha(tmp_path):
    path = save(tmp_path / "a.tif", HALF, grey=True)
    for read in (by_training, by_prediction):
        with pytest.raises(DataError, match=r"band 2 is marked (.|\n)*dataset\.bands=\[1\]"):
            read(path)
        pytest.importorskip("rasterio")
        image = read(path, ImageDecoding(bands=(1,)))
        np.testing.assert_array_equal(image, COLORS[..., :1].repeat(3, 2))


@pytest.mark.parametrize("how", ["tags", "world file"])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_mask_on_the_map(tmp_path, bits, how):
    rasterio = pytest.importorskip("rasterio")
    full = 2**bits - 1
    values = np.dstack([COLORS, HALF]).transpose(2, 0, 1).astype(f"uint{bits}")
    values[3] = np.where(HALF, full, 0)
    options = {"driver": "GTiff", "count": 4, "height": 24, "width": 40, "dtype": f"uint{bits}"}
    options |= {"photometric": "rgb", "alpha": "yes"}
    if how == "tags":
        options |= {"crs": "EPSG:32632", "transform": rasterio.Affine(2, 0, 0, 0, -2, 0)}
    path, decoding = tmp_path / "a.tif", ImageDecoding((0, 255))

    def plant():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(path, "w", **options) as file:
                file.write(values)
        if how == "world file":  # GDAL removes it with what it overwrites
            (tmp_path / "a.tfw").write_text(WORLD)

    plant()
    if how == "world file":
        (tmp_path / "a.tfw").unlink()
        for read in (by_training, by_prediction):
            with pytest.raises(DataError, match="transparent pixels"):
                read(path, decoding)
        plant()
    image, lacks_data = read_filled(path, decoding)
    filled = np.where(HALF[..., None] > 0, COLORS.astype(np.float32), 127.5)
    np.testing.assert_array_equal(image, filled)
    np.testing.assert_array_equal(lacks_data, HALF == 0)
    np.testing.assert_array_equal(by_prediction(path, decoding), filled)
    values[3] = 0
    plant()
    with pytest.raises(DataError, match="no pixel has data"):
        by_training(path, decoding)
    values[3] = full // 2
    plant()
    for read in (by_training, by_prediction):
        with pytest.raises(DataError, match="more than 0 and full"):
            read(path, decoding)
