"""Images of any bands, types and pixels without data, from files and arrays to labels."""

import numpy as np
import pytest
from PIL import Image

from seg.data.readers.value_range import ImageDecoding
from seg.errors import ConfigError, DataError
from seg.inference.inference import Inference
from seg.prediction.inputs import list_items
from seg.prediction.items import Item
from seg.prediction.predictor import Predictor
from seg.prediction.reader import ItemReader
from seg.prediction.video import check_frames, video_items
from seg.prediction.writers.labels import Labels
from seg.prediction.writers.overlay import Overlay
from seg.prediction.writers.probabilities import Probabilities
from tests.deployment.networks import small_network
from tests.prediction.conftest import film, format_settings
from tests.prediction.written_rasters import opened, plant

rasterio = pytest.importorskip("rasterio")
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")

SIZE = (150, 180)
FOUR = {"bands": (1, 2, 3, 4), "value_range": (0.0, 3999.0)}
DEEP = ImageDecoding(**FOUR, kind="uint16", composite=(4, 2, 1))
HOLED = ImageDecoding(**FOUR, kind="uint16", nodata=0.0)
FLOATS = ImageDecoding(((-1.0, 1.0), (0.0, 2.0)), (1, 2), kind="float32", clip=False, nodata="nan")
GREY = ImageDecoding((0.0, 4095.0), (1,), kind="uint16")


def values(count=4, kind=np.uint16):
    random = np.random.default_rng(0)
    blocks = random.integers(1, 3800, (count, 5, 6)).repeat(30, 1).repeat(30, 2)
    whole = (blocks + random.integers(0, 200, (count, *SIZE))).astype(kind)
    return whole if np.dtype(kind) == np.uint16 else whole / np.float32(2000) - 1


def predict_item(network, item, directory, formats, inference):
    made = [each(format_settings(directory, network.labels)) for each in formats]
    predictor = Predictor(network, inference, made, ItemReader(decoding=network.decoding))
    (entry,) = predictor.predict([item])
    return entry


# seeds with which the network tells several classes apart
@pytest.mark.parametrize(("decoding", "seed"), [(DEEP, 8), (GREY, 9)])
def test_windows_of_a_raster_are_the_whole_image(tmp_path, decoding, seed):
    network = small_network(seed, decoding)
    stored_CHW = values(len(decoding.bands))
    item, raster = opened(plant(tmp_path / "x.tif", stored_CHW), decoding)
    windows = Inference(window=(96, 96)).labels(network, raster)
    whole = network.predict(tmp_path / "x.tif")
    np.testing.assert_array_equal(whole, network.predict(stored_CHW.transpose(1, 2, 0)))
    raster = ItemReader(decoding=decoding).open(Item("x", str(tmp_path / "x.tif")))
    np.testing.assert_array_equal(Inference(window=(96, 96)).labels(network, raster), windows)
    assert len(np.unique(whole)) > 1
    entry = predict_item(network, item, tmp_path / "out", [Labels, Overlay], Inference())
    assert "error" not in entry
    with rasterio.open(tmp_path / "out/x_overlay.tif") as file:
        overlay = file.read().astype(float)
    opacity = format_settings(tmp_path, network.labels).options.overlay_opacity
    bands = [place - 1 for place in decoding.composite or (1, 1, 1)]
    low, high = decoding.value_range
    seen = np.rint(255 * (stored_CHW[bands] - low) / (high - low))
    colors = network.labels.colorize(whole).transpose(2, 0, 1)
    np.testing.assert_allclose(overlay, seen + opacity * (colors - seen), atol=1.01)


@pytest.mark.parametrize("decoding", [HOLED, FLOATS])
@pytest.mark.parametrize("inference", [Inference(), Inference(window=(96, 96), scales=(1.0, 0.5))])
def test_pixels_without_data_stay_without(tmp_path, decoding, inference):
    network, ignored = small_network(decoding=decoding), 255
    stored_CHW = values(len(decoding.bands), decoding.kind)
    hole = np.nan if decoding.nodata == "nan" else 0
    stored_CHW[-1, 20:70, 30:90] = hole  # of one band alone
    missing_HW = np.zeros(SIZE, bool)
    missing_HW[20:70, 30:90] = True
    item, raster = opened(plant(tmp_path / "x.tif", stored_CHW), decoding)
    np.testing.assert_array_equal(raster.without_data(slice(0, SIZE[0])), missing_HW)
    assert (raster.read(slice(30, 40), slice(40, 50)) == 127.5).all()
    formats = [Labels, Probabilities]
    predict_item(network, item, tmp_path / "out", formats, inference)
    with rasterio.open(tmp_path / "out/x.tif") as file:
        assert file.nodata == ignored
        label_HW = file.read(1)
    np.testing.assert_array_equal(label_HW == ignored, missing_HW)
    with np.load(tmp_path / "out/x.npz") as file:
        probabilities_HWK = file["probabilities_HWK"]
    np.testing.assert_array_equal(np.isnan(probabilities_HWK).all(2), missing_HW)
    assert not np.isnan(probabilities_HWK[~missing_HW]).any()
    predict_item(network, Item("y", item.source), tmp_path / "out", formats, inference)
    with Image.open(tmp_path / "out/y.png") as file:
        np.testing.assert_array_equal(np.asarray(file), label_HW)
    if inference.is_single_pass:
        label_HW = network.predict(stored_CHW.transpose(1, 2, 0))
        np.testing.assert_array_equal(label_HW == ignored, missing_HW)


def test_arrays_of_other_bands_or_types_are_refused():
    network = small_network(decoding=DEEP)
    for array, words in (
        (np.zeros((9, 9, 3), np.uint16), r"uint16 array H x W x bands \(4\), not uint16 \(9, 9, 3"),
        (np.zeros((9, 9, 4), np.float32), r"uint16 array .* not float32 \(9, 9, 4\)"),
        (np.zeros(9, np.uint16), r"not uint16 \(9,\)"),
        (Image.new("RGB", (9, 9)), r"not uint8 \(9, 9, 3\)"),
    ):
        with pytest.raises(ValueError, match=words):
            network.predict(array)
    grey = small_network(decoding=GREY)
    stored_HW = values(1)[0]
    expected = grey.predict(stored_HW)
    np.testing.assert_array_equal(grey.predict(stored_HW[..., None]), expected)
    np.testing.assert_array_equal(grey.predict(Image.fromarray(stored_HW)), expected)
    with pytest.raises(DataError, match="the array: image holds 1 values that are NaN"):
        loose = ImageDecoding((0.0, 1.0), (1,))
        small_network(decoding=loose).predict(np.full((1, 1), np.nan, np.float32))


def test_files_of_other_bands_or_types_are_refused(tmp_path):
    network = small_network(decoding=DEEP)
    plant(tmp_path / "three.tif", values(3))
    plant(tmp_path / "float.tif", values(4, np.float32))
    Image.fromarray(values(3).transpose(1, 2, 0).astype(np.uint8)).save(tmp_path / "rgb.png")
    for name, words in (
        ("three.tif", r"three.tif: image holds 3 bands, and dataset.bands=\[1,2,3,4\]"),
        ("float.tif", "float.tif: image holds float32 values, and dataset.kind=uint16"),
        ("rgb.png", r"rgb.png: .*\n?.*dataset.bands=\[1,2,3,4\]"),
    ):
        for kind in ("image", "raster") if name.endswith("tif") else ("image",):
            item = Item("x", str(tmp_path / name), kind)
            entry = predict_item(network, item, tmp_path / "out", [Labels], Inference())
            with pytest.raises(DataError, match=words):
                raise DataError(entry["error"])
        with pytest.raises(DataError, match=words):
            network.predict(tmp_path / name)


def test_frames_are_for_networks_of_eight_bit_rgb(tmp_path):
    (item, *_) = video_items("x", film(tmp_path / "x.avi"), "")
    for decoding, words in (
        (DEEP, r"dataset.bands=\[1,2,3,4\]"),
        (ImageDecoding((0.0, 4095.0), kind="uint16"), "uint8 values, and dataset.kind=uint16"),
        (ImageDecoding((0.0, 4095.0)), r"8 bits, .*dataset.value_range=\[0,4095\]"),
    ):
        with pytest.raises(DataError, match=words):
            ItemReader(decoding=decoding).open(item)
        with pytest.raises(DataError, match=words):
            check_frames(decoding, "input=webcam:0")
    raster = ItemReader(decoding=ImageDecoding((0.0, 510.0), clip=False)).open(item)
    assert raster.read(slice(0, 9), slice(0, 9)).max() < 128


def test_bands_that_lie_in_a_file_each(tmp_path):
    network, stored_CHW = small_network(8, DEEP), values()
    names = ("b2", "b3", "b4", "b8")
    for scene in ("x", "y"):
        for name, band_HW in zip(names, stored_CHW, strict=True):
            plant(tmp_path / f"{scene}_{name}.tif", band_HW[None])
    listed = str(tmp_path / "*_{b2,b3,b4,b8}.tif")
    items = list_items(listed, output=tmp_path / "out")
    assert [(item.name, item.placed) for item in items] == [("x", True), ("y", True)]
    assert predict_item(network, items[0], tmp_path / "out", [Labels], Inference())
    with Image.open(tmp_path / "out/x.png") as file:
        expected_HW = network.predict(stored_CHW.transpose(1, 2, 0))
        np.testing.assert_array_equal(np.asarray(file), expected_HW)
    (tmp_path / "y_b4.tif").unlink()
    entry = predict_item(network, items[1], tmp_path / "out", [Labels], Inference())
    assert "y_b4.tif" in entry["error"]
    assert list_items(listed, output=tmp_path / "out")[1].version != items[1].version
    with pytest.raises(ConfigError, match="wildcards stand before the bands"):
        list_items(str(tmp_path / "x_{b2,b3}*.tif"), output=tmp_path / "out")
    with pytest.raises(DataError, match=r"no image; looked for .*_b1\.tif"):
        list_items(str(tmp_path / "*_{b1,b2}.tif"), output=tmp_path / "out")
