"""The embedded classification set: the same everywhere, every class, no scene in two splits."""

import hashlib
import pickle

import numpy as np
import pytest

from seg.data.classification.street_objects import SCENE_PX, StreetObjects
from seg.data.datasets.cityscapes import TRAIN_IDS
from seg.data.datasets.streets.rng import Dice
from seg.data.datasets.streets.scene import render
from seg.errors import ConfigError

# of the first eight training crops of 64 x 64: another machine must find the same
DIGEST = "c3d5f547b7f04982b4f98a3e867ca85034e7c5d5b527acab9d3fb6dcfc393ec6"


@pytest.fixture(scope="module")
def crops():
    dataset = StreetObjects(split="val", val_length=160)
    return [dataset[index] for index in range(len(dataset))]


def test_the_bytes_are_the_same_on_every_machine():
    dataset = StreetObjects(split="train", train_length=8)
    content = b"".join(
        dataset[i].image.tobytes() + bytes([int(dataset[i].label)]) for i in range(8)
    )
    assert hashlib.sha256(content).hexdigest() == DIGEST


def test_a_sample_depends_on_its_index_alone(crops):
    backwards = StreetObjects(split="val", val_length=1000, cache_mib=0)
    for index in (19, 8, 15):
        assert np.array_equal(backwards[index].image, crops[index].image)
        assert backwards[index].label == crops[index].label
    copy = pickle.loads(pickle.dumps(backwards))
    assert np.array_equal(copy[19].image, crops[19].image)


def test_every_class_is_there_and_none_prevails(crops):
    counts = np.bincount([int(each.label) for each in crops], minlength=19)
    assert counts.min() >= 1
    assert counts.max() <= 3 * counts.mean()
    assert {each.image.shape for each in crops} == {(64, 64, 3)}
    assert len({each.name for each in crops}) == len(crops)


def test_the_crop_is_the_scene_made_smaller_by_a_whole_factor():
    """Found again in the scene: some window's block means are the crop, and its centre's class."""
    dataset = StreetObjects(split="test", test_length=8, size=96)
    image, label = render(Dice("street_objects", 1, 0, "test", 0), *SCENE_PX)
    for sample in (dataset[index] for index in (1, 6)):
        places = [
            (top, left, factor)
            for factor in (1, 2)
            for top in range(SCENE_PX[0] - 96 * factor + 1)
            for left in range(SCENE_PX[1] - 96 * factor + 1)
            if np.array_equal(
                np.floor(
                    image[top : top + factor, left : left + factor].mean((0, 1), np.float64) + 0.5
                ),
                sample.image[0, 0],
            )
        ]
        found = [
            (top, left, factor)
            for top, left, factor in places
            if np.array_equal(_means(image, top, left, factor, 96), sample.image)
        ]
        assert len(found) == 1
        top, left, factor = found[0]
        side = 96 * factor
        at_the_rim = {top, left} & {0, SCENE_PX[0] - side, SCENE_PX[1] - side}
        assert at_the_rim or label[top + side // 2, left + side // 2] == int(sample.label)


def _means(image, top, left, factor, size):
    part = image[top : top + size * factor, left : left + size * factor].astype(np.float64)
    blocks = part.reshape(size, factor, size, factor, 3)
    return np.floor(blocks.mean((1, 3)) + 0.5)


def test_splits_and_seeds_share_nothing():
    first = [StreetObjects(split=split)[0].image for split in ("train", "val", "test")]
    first.append(StreetObjects(split="train", seed=1)[0].image)
    assert len({each.tobytes() for each in first}) == 4


def test_several_labels_are_what_a_crop_shows():
    one = StreetObjects(split="val", val_length=40)
    several = StreetObjects(split="val", val_length=40, multi_label=True)
    counts = [several[index].label.sum() for index in range(40)]
    assert min(counts) >= 1
    assert np.mean(counts) > 2
    assert np.array_equal(one[3].image, several[3].image)
    shares = [several[i].label[int(one[i].label)] for i in range(40)]
    assert np.mean(shares) > 0.7  # what is in the middle mostly covers enough
    assert several.labels.names == TRAIN_IDS.names


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"size": 128}, "32 to 96"),
        ({"train_length": 0}, "1 or more"),
        ({"split": "training"}, "train, val, test"),
    ],
)
def test_wrong_choices(wrong, said):
    with pytest.raises(ConfigError, match=said):
        StreetObjects(**{"split": "train", **wrong})
