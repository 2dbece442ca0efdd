"""What is declared about image files reaches every dataset that reads them."""

import json

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.unlabelled import Unlabelled
from seg.data.label_space import LabelSpace
from seg.data.readers.image_label_pairs import Pair, PairDataset
from seg.data.readers.value_range import PLAIN, ImageDecoding, likely_range
from seg.data.wrappers.cached import CachedDataset
from seg.data.wrappers.subset import Subset
from seg.errors import DataError

SPACE = LabelSpace.identity(("land", "water"), ((9, 99, 9), (9, 9, 199)))
DEEP = np.random.default_rng(0).integers(0, 4096, (9, 16)).astype(np.uint16)


@pytest.fixture
def pairs(tmp_path):
    Image.fromarray(DEEP).save(tmp_path / "a.png")
    Image.fromarray((DEEP % 2).astype(np.uint8)).save(tmp_path / "label.png")
    return [Pair("a", tmp_path / "a.png", tmp_path / "label.png")]


def declared(pairs, high):
    dataset = PairDataset(pairs, labels=SPACE, split="train")
    dataset.decoding = ImageDecoding((0, high))
    return dataset


def expected(high):
    return np.minimum(DEEP, high) * np.float32(255 / high)


def test_a_dataset_decodes_as_it_is_declared(pairs):
    dataset = declared(pairs, 4095)
    np.testing.assert_array_equal(dataset[0].image[..., 1], expected(4095))
    assert Subset(dataset, [0]).decoding == ImageDecoding((0, 4095))
    plain = PairDataset(pairs, labels=SPACE, split="train")
    assert plain.decoding == PLAIN
    with pytest.raises(DataError, match="16-bit values"):
        plain[0]


def test_decoded_samples_are_of_one_range(pairs, tmp_path):
    for high in (4095, 1000, 4095):
        dataset = CachedDataset(declared(pairs, high), tmp_path / "cache")
        for _ in range(2):  # decoded, then mapped
            np.testing.assert_array_equal(dataset[0].image[..., 1], expected(high))
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_images_without_labels(pairs):
    folder = pairs[0].image.parent
    pairs[0].label.unlink()
    dataset = Unlabelled(folder, labels=SPACE, decoding=ImageDecoding((0, 4095)))
    np.testing.assert_array_equal(dataset[0].image[..., 2], expected(4095))


def test_it_is_written_as_it_is_typed():
    decoding = ImageDecoding((0.0, 0.05), (3, 2, 1))
    assert str(decoding) == "dataset.value_range=[0,0.05] dataset.bands=[3,2,1]"
    assert ImageDecoding.from_dict(decoding.to_dict()) == decoding
    assert ImageDecoding.from_dict({}) == PLAIN


@pytest.mark.parametrize(
    ("low", "high", "proposed"),
    [(0, 0, "0,1"), (0, 1, "0,1"), (9, 200, "0,255"), (256, 256, "0,511"), (3, 4095, "0,4095"),
     (-1000, 3000, "-1000,3000"), (0.2, 0.9, "0,1"), (0.5, 300.5, "0,301"),
     (0, 2**32 - 2, "0,4294967295"), (-0.5, 0.25, "-0.5,0.25")],
)  # fmt: skip
def test_the_range_that_is_proposed(low, high, proposed):
    assert likely_range(low, high) == proposed
    decoding = ImageDecoding(tuple(map(float, proposed.split(","))))
    assert decoding.scale(np.array([low, high], np.float64), 64, "a.tif").shape == (2,)


def test_ranges_are_printed_as_they_are_declared():
    pairs = ((1096.5508709789433, 1901.3831969846124), (-0.1, 1e-9), (0.0, 4095.0))
    decoding = ImageDecoding(value_range=pairs, bands=(1, 2, 3))
    words = dict(word.split("=") for word in str(decoding).split())
    printed = json.loads(words["dataset.value_range"])
    assert tuple(map(tuple, printed)) == pairs
    assert words["dataset.value_range"].endswith("[0,4095]]")
