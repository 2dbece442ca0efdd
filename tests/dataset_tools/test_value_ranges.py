"""The range that images fill is found out for every dataset that decodes files."""

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.unlabelled import Unlabelled
from seg.data.label_space import LabelSpace
from seg.data.readers.image_label_pairs import Pair, PairDataset
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.dataset_tools.sample_checks import inspect
from seg.dataset_tools.value_ranges import Extent, describe_ranges

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
        assert found.extent == Extent("16-bit", 7, 2957, beyond, 60)
        assert [fault.kind for fault in found.faults] == (["value_range"] if high is None else [])
        assert dataset.decoding == decoding
    (note,) = describe_ranges("val", [found.extent], decoding)
    proposed = "dataset.value_range=[0,4095]"
    ends = {None: f": {proposed}", 4095: f"; 0.0% beyond {proposed}", 1000: "[0,1000]"}
    assert note.message.startswith("val: 1 images of 16-bit values from 7 to 2957")
    assert note.message.endswith(ends[high])


def test_plain_images_have_none(tmp_path):
    Image.fromarray(DEEP.astype(np.uint8)).save(tmp_path / "a.png")
    assert inspect(Unlabelled(tmp_path, labels=SPACE), 0).extent is None
    assert describe_ranges("val", [], PLAIN) == []


def test_other_kinds_of_values_have_extents(tmp_path):
    Image.fromarray(DEEP.astype(np.int32) - 1000).save(tmp_path / "a.tif")
    found = inspect(Unlabelled(tmp_path, labels=SPACE), 0)
    assert found.extent == Extent("signed 32-bit", -993, 1957, 0, 60)
    (note,) = describe_ranges("val", [found.extent], PLAIN)
    assert note.message.endswith("from -993 to 1957: dataset.value_range=[-993,1957]")
