"""Images whose bands lie in a file each."""

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.csv import Csv
from seg.data.datasets.folder import Folder
from seg.data.fingerprint import fingerprint
from seg.data.readers.readers import read_image, read_size
from seg.data.readers.value_range import ImageDecoding
from seg.dataset_tools.sample_checks import inspect
from seg.errors import ConfigError, DataError
from tests.data.readers.written_files import SHAPE, noise, plant

FULL = (0.0, 65535.0)


@pytest.fixture
def values(tmp_path):
    """Three bands of two images, a file each, with labels."""
    (tmp_path / "masks").mkdir()
    values = {}
    for name in ("a", "x/b_1"):
        (tmp_path / "scenes" / name).parent.mkdir(parents=True, exist_ok=True)
        values[name] = noise(3, 16)
        for band, array in zip(("B02", "B03", "B08"), values[name], strict=True):
            plant(tmp_path / f"scenes/{name}_{band}.tif", array[None])
        label = Image.fromarray(np.eye(*SHAPE, dtype=np.uint8))
        label.save(tmp_path / f"masks/{name.split('/')[-1]}.png")
    return values


def folder(root, images="scenes/**/{stem}_{B02,B03,B08}.tif", labels="masks/{stem}.png", **options):
    options = {"val_fraction": 0.5, **options}
    dataset = Folder(split="train", root=root, images=images, labels=labels, **options)
    other = Folder(split="val", root=root, images=images, labels=labels, **options)
    for each in (dataset, other):
        each.decoding = ImageDecoding(FULL, bands=("b08", 1))
    return [*dataset, *other], (dataset, other)


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("scenes/**/{stem}_{B02,B03,B08}.tif", "masks/{stem}.png"),
        ("scenes/**/*_{B02,B03,B08}.tif", "masks/{stem}.png"),
        ("scenes/**/*_{B02,B03,B08}.*", "masks/{2}.png"),
        ("**/{stem}_{B02,B03,B08}.tif", "masks/{stem}"),
    ],
)
def test_they_are_one_image(tmp_path, values, images, labels):
    samples, (dataset, _) = folder(tmp_path, images, labels)
    assert sorted(sample.name.split("/")[-1] for sample in samples) == ["a", "b_1"]
    for sample in samples:
        (stored,) = (each for name, each in values.items() if name.endswith(sample.name[-1]))
        expected = stored[[2, 0]].transpose(1, 2, 0) * np.float32(255 / 65535)
        np.testing.assert_allclose(sample.image, expected, atol=1e-4)
        assert sample.label.sum() == min(SHAPE)
    assert str(dataset.pairs[0].image).endswith("_{B02,B03,B08}.tif")
    assert read_size(dataset.pairs[0].image) == SHAPE
    assert not inspect(dataset, 0).faults


def test_three_files_are_red_green_and_blue(tmp_path, values):
    path = str(tmp_path / "scenes/a_{B08,B03,B02}.tif")
    image = read_image(path, decoding=ImageDecoding(FULL))
    expected = values["a"][::-1].transpose(1, 2, 0) * np.float32(255 / 65535)
    np.testing.assert_allclose(image, expected, atol=1e-4)
    with pytest.raises(DataError, match=r"holds 2 bands, and nothing(.|\n)*bands=\[1,2\]"):
        read_image(str(tmp_path / "scenes/a_{B08,B03}.tif"), decoding=ImageDecoding(FULL))
    with pytest.raises(DataError, match="no band named 'nir': its bands are 'B02', 'B03'"):
        read_image(
            str(tmp_path / "scenes/a_{B02,B03}.tif"), decoding=ImageDecoding(FULL, bands=("nir",))
        )


def test_what_does_not_fit_together(tmp_path, values):
    path, file = str(tmp_path / "scenes/a_{B02,B03,B08}.tif"), tmp_path / "scenes/a_B03.tif"
    decoding = ImageDecoding(FULL)
    for other, words in (
        (values["a"][:1, :9], r"a_B02.tif is uint16, 40 x 24, .*a_B03.tif is uint16, 40 x 9\n"),
        (values["a"][:1].astype(np.int32), r"a_B02.tif is uint16, .*a_B03.tif is int32"),
        (values["a"][:2], r"a_B03.tif.* 2 bands"),
    ):
        plant(file, other)
        with pytest.raises(DataError, match=words):
            read_image(path, decoding=decoding)
    rasterio = pytest.importorskip("rasterio")
    plant(file, values["a"][:1], crs="EPSG:32632", transform=rasterio.Affine(2, 0, 0, 0, -2, 0))
    with pytest.raises(DataError, match=r"different places on the map: .*B02.tif and .*B03.tif"):
        read_image(path, decoding=decoding)
    file.unlink()
    with pytest.raises(DataError, match=r"a_B03.tif: .*(no such|not found|No such)"):
        read_image(path, decoding=decoding)
    with pytest.raises(DataError, match=r"files of bands do not exist in .*: scenes/a_B03.tif"):
        folder(tmp_path)


def test_data_must_be_there_in_every_band(tmp_path, values):
    values["a"][1, 3] = 7
    plant(tmp_path / "scenes/a_B03.tif", values["a"][1:2], nodata=7)
    samples, _ = folder(tmp_path)
    assert not any((sample.label == 255).any() for sample in samples)  # of bands 8 and 2
    for each in folder(tmp_path)[1]:
        each.decoding = ImageDecoding(FULL)
        for index, pair in enumerate(each.pairs):
            if pair.name == "a":
                expected = values["a"][1] == 7
                np.testing.assert_array_equal(each[index].label == 255, expected)
                np.testing.assert_array_equal(each.read_label(index) == 255, expected)


def test_every_file_counts_in_the_fingerprint(tmp_path, values):
    _, (dataset, other) = folder(tmp_path)
    before = {fingerprint(dataset), fingerprint(other)}
    plant(tmp_path / "scenes/a_B08.tif", noise(1, 16), compress="deflate")
    assert len({fingerprint(dataset), fingerprint(other)} & before) == 1


def test_a_table_may_name_them(tmp_path, values):
    table = tmp_path / "samples.csv"
    table.write_text('image,label,split\n"scenes/a_{B02,B08}.tif",masks/a.png,train\n')
    dataset = Csv(split="train", table=table)
    dataset.decoding = ImageDecoding(FULL, bands=(1, 2))
    assert dataset[0].image.shape == (*SHAPE, 2)


def test_lists_that_mean_nothing(tmp_path, values):
    for images in ("{a,b}_{c,d}.tif", "{stem}_{stem}_{a,b}.tif"):
        with pytest.raises(ConfigError, match="one list of bands"):
            folder(tmp_path, images)
