"""Rasters are read window by window, keep their place on the map, and cost no memory."""

import numpy as np
import pytest
from PIL import Image

from seg.data.label_space import LabelSpace
from seg.data.readers.readers import read_image
from seg.data.readers.value_range import ImageDecoding
from seg.errors import DataError
from seg.prediction.inputs import list_items
from seg.prediction.reader import ItemReader
from seg.prediction.writer import ItemRows
from seg.prediction.writers.labels import Labels
from seg.prediction.writers.overlay import Overlay
from tests.prediction.conftest import files_in, format_settings, predict, street
from tests.prediction.written_rasters import opened, plant

rasterio = pytest.importorskip("rasterio")
# affine tells rasterio of an operator that it will give up
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")

SIZE = (300, 520)
SPACE = LabelSpace.identity(("land", "water"), ((9, 99, 9), (9, 9, 199)))


def noise(count=3, kind=np.uint8):
    return np.random.default_rng(0).integers(1, np.iinfo(kind).max, (count, *SIZE), dtype=kind)


def whole(raster):
    return raster.read(slice(0, raster.height), slice(0, raster.width))


def test_colors(tmp_path):
    values = noise(3)
    _, raster = opened(plant(tmp_path / "x.tif", values))
    assert (raster.height, raster.width) == SIZE
    np.testing.assert_array_equal(whole(raster), values.transpose(1, 2, 0))
    window = raster.read(slice(200, 300), slice(7, 9))
    np.testing.assert_array_equal(window, values[:, 200:300, 7:9].transpose(1, 2, 0))


def test_grey_and_sixteen_bits(tmp_path):
    grey = noise(1)
    _, raster = opened(plant(tmp_path / "grey.tif", grey))
    np.testing.assert_array_equal(whole(raster), np.repeat(grey.transpose(1, 2, 0), 3, 2))
    deep = noise(3, np.uint16)
    plant(tmp_path / "deep.tif", deep)
    with pytest.raises(DataError, match=r"16-bit values.*\n.*dataset\.value_range=\[0,65535\]"):
        opened(tmp_path / "deep.tif")
    _, raster = opened(tmp_path / "deep.tif", ImageDecoding((1000, 30_000)))
    shares = np.clip((deep - 1000.0) / 29_000, 0, 1)
    np.testing.assert_allclose(whole(raster), 255 * shares.transpose(1, 2, 0), atol=1e-4)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12])
@pytest.mark.parametrize("count", [1, 3])
def test_training_and_prediction_read_the_same(tmp_path, count, bits):
    values = (noise(count, np.uint16) % 2**bits).astype(np.uint8 if bits <= 8 else np.uint16)
    for photometric in ("minisblack", "miniswhite") if count == 1 else ("rgb",):
        path = plant(tmp_path / f"{photometric}.tif", values, nbits=bits, photometric=photometric)
        for value_range in ((0, 2**bits - 1), (0, 1), None if bits <= 8 else (5, 77)):
            decoding = ImageDecoding(value_range)
            image = read_image(path, decoding=decoding)
            np.testing.assert_array_equal(whole(opened(path, decoding)[1]), image)
        assert read_image(path, decoding=ImageDecoding((0, 2**bits - 1))).max() > 254.999


def test_further_bands(tmp_path):
    values = noise(4)
    plant(tmp_path / "alpha.tif", values)  # so GDAL marks it by default
    plant(tmp_path / "more.tif", noise(5))
    for name, words in (
        ("alpha", "band 4 is marked as alpha"),
        ("more", "image holds 5 bands"),
    ):
        with pytest.raises(DataError, match=words):
            whole(opened(tmp_path / f"{name}.tif")[1])
    _, raster = opened(tmp_path / "alpha.tif", ImageDecoding(bands=(4, 2, 1)))
    np.testing.assert_array_equal(whole(raster), values[[3, 1, 0]].transpose(1, 2, 0))
    assert raster.without_data(slice(0, 9)) is None
    values[3, :, :200], values[3, :, 200:] = 0, 255
    _, raster = opened(plant(tmp_path / "mask.tif", values))
    filled = np.where(values[3] == 0, 128, values[:3]).transpose(1, 2, 0)
    np.testing.assert_array_equal(whole(raster), filled)
    np.testing.assert_array_equal(raster.without_data(slice(0, 9)), values[3, :9] == 0)


@pytest.mark.parametrize("kind", ["int16", "int32", "uint32", "float32", "float64"])
@pytest.mark.parametrize("count", [1, 3])
def test_other_kinds_of_values_are_scaled_as_in_training(tmp_path, count, kind):
    values = np.random.default_rng(0).integers(0, 3000, (count, *SIZE)).astype(kind)
    values -= 0 if kind == "uint32" else 1000
    path = plant(tmp_path / "x.tif", values)
    declared = (0, 4095) if kind == "uint32" else (values.min(), values.max())
    proposed = rf"value_range=\[{declared[0]:g},{declared[1]:g}\]"
    for read in (read_image, opened):
        with pytest.raises(DataError, match=rf"nothing says which(.|\n)*{proposed}"):
            read(path)
    decoding = ImageDecoding((float(declared[0]), float(declared[1])))
    shares = (values.transpose(1, 2, 0).astype(float) - declared[0]) / (declared[1] - declared[0])
    expected = 255 * shares.repeat(3 // count, 2)
    np.testing.assert_allclose(read_image(path, decoding=decoding), expected, atol=1e-4)
    np.testing.assert_allclose(whole(opened(path, decoding)[1]), expected, atol=1e-4)


def test_values_that_are_no_numbers(tmp_path):
    values = noise(1).astype(np.float32)
    values[0, 3, :5] = np.nan
    path = plant(tmp_path / "x.tif", values)
    decoding = ImageDecoding((0, 255))
    for read in (
        lambda: read_image(path, decoding=decoding),
        lambda: whole(opened(path, decoding)[1]),
    ):
        with pytest.raises(DataError, match="5 values that are NaN or infinite"):
            read()


def test_colors_that_are_converted(tmp_path):
    """CMYK by the one reader of training, other color spaces by none."""
    values = noise(4)
    place = {"driver": "GTiff", "crs": "EPSG:32632"}
    path = plant(tmp_path / "x.tif", values, photometric="cmyk", **place)
    cmyk = Image.open(path)
    assert cmyk.mode == "CMYK"
    expected = np.asarray(cmyk.convert("RGB"))
    np.testing.assert_array_equal(read_image(path), expected)
    raster = opened(path)[1]
    np.testing.assert_array_equal(whole(raster), expected)
    part = raster.read(slice(7, 9), slice(30, 50))
    np.testing.assert_array_equal(part, expected[7:9, 30:50])
    assert raster.without_data(slice(0, 9)) is None or not raster.without_data(slice(0, 9)).any()
    for read in (read_image, opened):
        with pytest.raises(DataError, match=r"holds 4 bands of CMYK.*bands=\[1,2,3\] is declared"):
            read(path, decoding=ImageDecoding(bands=(1, 2, 3)))
    for space in ("cielab", "icclab"):
        path = plant(tmp_path / f"{space}.tif", values[:3], photometric=space)
        for read in (read_image, opened):
            with pytest.raises(DataError, match=f"pixels of kind '{space.upper()}'"):
                read(path)


def test_palette(tmp_path):
    values = noise(1) % 3
    path = plant(tmp_path / "x.tif", values, photometric="palette")
    colors = {0: (1, 2, 3), 1: (40, 50, 60), 2: (200, 100, 0)}
    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, colors)
    _, raster = opened(path)
    np.testing.assert_array_equal(whole(raster), np.array(list(colors.values()))[values[0]])


def test_kinds_that_are_no_image(tmp_path):
    path = plant(tmp_path / "x.tif", np.zeros((1, *SIZE), np.complex64))
    with pytest.raises(DataError, match="complex64\\n  allowed: whole and floating-point numbers"):
        opened(path)


def test_a_raster_that_is_cut_off(tmp_path):
    path = plant(tmp_path / "x.tif", noise(), compress="deflate")
    path.write_bytes(path.read_bytes()[:-9000])
    with pytest.raises(DataError, match=r"x\.tif: raster is damaged"):
        whole(opened(path)[1])


def test_its_limit(tmp_path):
    (item,) = list_items(str(plant(tmp_path / "x.tif", noise())), output=tmp_path)
    with pytest.raises(DataError, match=r"520 x 300 with more than max_pixels=9 "):
        ItemReader(max_pixels=9).open(item)


def test_results_keep_the_place(tmp_path):
    item, raster = opened(plant(tmp_path / "x.tif", noise()))
    label_HW = np.random.default_rng(1).integers(0, 2, SIZE, dtype=np.uint8)
    label_HW[:9, :9] = 255
    settings = format_settings(tmp_path / "out", SPACE, overlay_opacity=0.0)
    writers = [kind(settings).open(item, raster) for kind in (Labels, Overlay)]
    for top in range(0, SIZE[0], 70):
        rows = slice(top, min(top + 70, SIZE[0]))
        for writer in writers:
            writer.write(ItemRows(raster, rows, label_HW[rows]))
    for writer in writers:
        writer.close()
    with rasterio.open(tmp_path / "x.tif") as source, rasterio.open(tmp_path / "out/x.tif") as made:
        assert (made.crs, made.transform) == (source.crs, source.transform)
        assert made.nodata == 255
        assert made.colormap(1)[1][:3] == SPACE.palette[1]
        np.testing.assert_array_equal(made.read(1), label_HW)
        with rasterio.open(tmp_path / "out/x_overlay.tif") as shown:
            assert shown.crs == source.crs
            np.testing.assert_array_equal(shown.read(), source.read())


def test_ids_of_two_bytes_are_written_as_such(tmp_path):
    labels = LabelSpace(SPACE.names, SPACE.palette, ((7, 0), (700, 1), (3, 255)))
    item, raster = opened(plant(tmp_path / "x.tif", noise()))
    writer = Labels(format_settings(tmp_path / "out", labels)).open(item, raster)
    label_HW = np.random.default_rng(1).choice(np.array([0, 1, 255], np.uint8), SIZE)
    writer.write(ItemRows(raster, slice(0, SIZE[0]), label_HW))
    writer.close()
    with rasterio.open(tmp_path / "out/x.tif") as made:
        assert (made.dtypes[0], made.nodata) == ("uint16", 3)
        np.testing.assert_array_equal(labels.encode(made.read(1), "x.tif"), label_HW)


def test_a_discarded_raster_leaves_nothing(tmp_path):
    item, raster = opened(plant(tmp_path / "x.tif", noise()))
    writer = Labels(format_settings(tmp_path / "out", SPACE)).open(item, raster)
    writer.write(ItemRows(raster, slice(0, 9), np.zeros((9, SIZE[1]), np.uint8)))
    writer.discard()
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.slow
def test_the_command_on_a_map_with_gaps(checkpoint, tmp_path):
    values = np.maximum(street(1, (64, 96)).transpose(2, 0, 1), 1)
    values[:, :20, :30] = 0
    plant(tmp_path / "in.tif", values, nodata=0)
    contents = []
    for output in ("one", "two"):
        done = predict(checkpoint, tmp_path / "in.tif", cwd=tmp_path, output=output)
        assert done.returncode == 0, done.stderr
        contents.append(files_in(tmp_path / output))
    assert contents[0] == contents[1]
    with rasterio.open(tmp_path / "one/in.tif") as made:
        label_HW = made.read(1)
        assert (label_HW[:20, :30] == 255).all()
        assert (label_HW[20:] < 19).all()
        assert made.crs.to_epsg() == 32632


def test_a_picture_without_a_place_stays_a_png(checkpoint, tmp_path):
    Image.fromarray(street(0)).save(tmp_path / "in.tif")
    assert predict(checkpoint, tmp_path / "in.tif", cwd=tmp_path).returncode == 0
    assert {"in.png", "in_overlay.png"} < set(files_in(tmp_path / "out"))
