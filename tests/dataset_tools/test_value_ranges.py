"""The range that images fill is found out for every dataset that decodes files."""

from collections import defaultdict

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.unlabelled import Unlabelled
from seg.data.label_space import LabelSpace
from seg.data.readers.image_label_pairs import Pair, PairDataset
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.dataset_tools.sample_checks import inspect
from seg.dataset_tools.value_ranges import Extent, describe_ranges
from seg.dataset_tools.verify import verify

SPACE = LabelSpace.identity(("land", "water"), ((9, 99, 9), (9, 9, 199)))
DEEP = np.arange(60, dtype=np.uint16).reshape(6, 10) * 50 + 7


@pytest.fixture
def image(tmp_path):
    (tmp_path / "images").mkdir()
    Image.fromarray(DEEP).save(tmp_path / "images/a.png")
    return tmp_path / "images/a.png"


@pytest.mark.parametrize(("high", "beyond"), [(None, 0), (4095, 0), (1000, 40)])
def test_extents(image, tmp_path, high, beyond):
    Image.fromarray(np.zeros(DEEP.shape, np.uint8)).save(tmp_path / "label.png")
    decoding = PLAIN if high is None else ImageDecoding((0, high))
    pairs = PairDataset([Pair("a", image, tmp_path / "label.png")], labels=SPACE, split="val")
    pairs.decoding = decoding
    for dataset in (pairs, Unlabelled(image.parent, labels=SPACE, decoding=decoding)):
        found = inspect(dataset, 0)
        assert found.extent == Extent(str(image), "uint16", "16-bit", 7, 2957, beyond, 60)
        assert [fault.kind for fault in found.faults] == (["value_range"] if high is None else [])
        assert dataset.decoding == decoding
    (note,) = describe_ranges("val", [found.extent], decoding)
    proposed = "dataset.value_range=[0,4095]"
    most = f"[0,1000], most in {image}: 40 of 60"
    ends = {None: f": {proposed}", 4095: f"; 0.0% beyond {proposed}", 1000: most}
    assert note.message.startswith("val: 1 images of 16-bit values from 7 to 2957")
    assert note.message.endswith(ends[high])


def test_plain_images_have_none(tmp_path):
    Image.fromarray(DEEP.astype(np.uint8)).save(tmp_path / "a.png")
    assert inspect(Unlabelled(tmp_path, labels=SPACE), 0).extent is None
    assert describe_ranges("val", [], PLAIN) == []


def test_other_kinds_of_values_have_extents(tmp_path):
    Image.fromarray(DEEP.astype(np.int32) - 1000).save(tmp_path / "a.tif")
    found = inspect(Unlabelled(tmp_path, labels=SPACE), 0)
    assert found.extent == Extent(
        str(tmp_path / "a.tif"), "int32", "signed 32-bit", -993, 1957, 0, 60
    )
    (note,) = describe_ranges("val", [found.extent], PLAIN)
    assert note.message.endswith("from -993 to 1957: dataset.value_range=[-993,1957]")


def pairs_of(directory, arrays, split, decoding):
    pairs = []
    for place, array in enumerate(arrays):
        np.save(directory / f"{split}{place}.npy", array)
        label = Image.fromarray(np.eye(*array.shape[:2], dtype=np.uint8))
        label.save(directory / f"{split}{place}.png")
        files = (directory / f"{split}{place}.{suffix}" for suffix in ("npy", "png"))
        pairs.append(Pair(f"{split}{place}", *files))
    dataset = PairDataset(pairs, labels=SPACE, split=split)
    dataset.decoding = decoding
    return dataset


def test_images_of_several_kinds_are_faults(tmp_path):
    rng = np.random.default_rng(0)
    bands = rng.integers(0, 3000, (12, 20, 5)).astype(np.uint16)
    holed = bands.astype(np.float32)
    holed[0, 0, 0] = np.nan
    train = [bands, bands.astype(np.int16) // 2, bands[..., :3], holed]
    decoding = ImageDecoding((0, 1000), bands=(1, 2, 4, 5))
    splits = {
        "train": pairs_of(tmp_path, train, "train", decoding),
        "val": pairs_of(tmp_path, [bands // 3, (bands // 5).astype(np.float64)], "val", decoding),
    }
    report = verify(splits, {}, num_workers=0, near_duplicates=False)
    faults = defaultdict(str)
    for fault in report.faults:
        faults[fault.sample, fault.kind] += fault.message
    assert faults.keys() == {
        ("train1", "image_kind"), ("train2", "bands"), ("train3", "image_kind"),
        ("val1", "image_kind"),
    }  # fmt: skip
    first = rf"{tmp_path}/train0.npy, the first one of training, uint16"
    assert f"train1.npy: image holds int16 values, and {first}" in faults["train1", "image_kind"]
    assert f"val1.npy: image holds float64 values, and {first}" in faults["val1", "image_kind"]
    assert "image holds 3 bands, and dataset.bands=[1,2,4,5]" in faults["train2", "bands"]
    assert "1 values that are NaN" in faults["train3", "image_kind"]
    beyond = int((bands[..., [0, 1, 3, 4]] > 1000).sum())
    (note,) = (each for each in report.notes if each.split == "train" and "beyond" in each.message)
    assert f"most in {tmp_path}/train0.npy: {beyond} of 960" in note.message


def test_no_data_is_not_beyond_the_range(tmp_path):
    values = np.full((12, 20, 2), 500, np.int16)
    values[:3, :, 0] = -9999
    decoding = ImageDecoding((0, 1000), bands=(1, 2), nodata=-9999.0)
    found = inspect(pairs_of(tmp_path, [values], "train", decoding), 0)
    assert not found.faults
    assert (found.extent.low, found.extent.beyond, found.extent.total) == (500, 0, 360)
    assert found.classes == {0, 1}
