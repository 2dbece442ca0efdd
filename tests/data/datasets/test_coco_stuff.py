"""COCO-Stuff 164k on small trees in the layouts of its own instructions and of its archives."""

import hashlib
import logging

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.coco_stuff import LABELS, NAMES, REMOVED, CocoStuff
from seg.errors import ConfigError, DataError

# labels.txt of github.com/nightrome/cocostuff at 876a7db, the whole file.
LABELS_TXT_SHA256 = "53c59b920927b215690b4ba5aef4ed4794e5e4b278f9e67d7e633ddbfad9b830"
REMOVED_NAMES = (
    "blender",
    "desk",
    "door",
    "eye glasses",
    "hair brush",
    "hat",
    "mirror",
    "plate",
    "shoe",
    "street sign",
    "window",
)  # fmt: skip (its README.md, "Label Names & Indices")
FILES = {"000000000139": (15, 13), "000000000285": (14, 16)}  # name -> width, height
VALUES = np.array([id_ - 1 for id_ in range(1, 183) if id_ not in REMOVED] + [255], np.uint8)


def plant(root, *, images="images/", annotations="annotations/", split="val"):
    for folder in (root / f"{images}{split}2017", root / f"{annotations}{split}2017"):
        folder.mkdir(parents=True)
    for name, (width, height) in FILES.items():
        Image.new("RGB", (width, height)).save(root / f"{images}{split}2017/{name}.jpg")
        label = Image.fromarray(np.resize(VALUES, (height, width)))
        label.save(root / f"{annotations}{split}2017/{name}.png")
    return root


def test_the_names_are_the_official_ones():
    lines = [f"{id_}: {name}\n" for id_, name in enumerate(("unlabeled", *NAMES))]
    assert hashlib.sha256("".join(lines).encode()).hexdigest() == LABELS_TXT_SHA256
    assert tuple(sorted(NAMES[id_ - 1] for id_ in REMOVED)) == REMOVED_NAMES
    assert LABELS.num_classes == 171
    assert (LABELS.names[0], LABELS.names[79]) == ("person", "toothbrush")
    assert (LABELS.names[80], LABELS.names[170]) == ("banner", "wood")
    assert len(set(LABELS.palette)) == 171
    assert (0, 0, 0) not in LABELS.palette


@pytest.mark.parametrize(
    "places",
    [
        {},
        {"images": "", "annotations": "stuffthingmaps_trainval2017/"},
        {"annotations": "stuffthingmaps_trainval2017/"},
    ],
)
def test_ids_become_train_ids(tmp_path, places, caplog):
    with caplog.at_level(logging.WARNING):
        dataset = CocoStuff(split="val", root=plant(tmp_path, **places))
    assert "has 2 samples, the official split 5000" in caplog.text
    for index, (name, (width, height)) in enumerate(FILES.items()):
        sample = dataset[index]
        assert sample.name == name
        expected = np.resize(np.array([*range(171), 255]), (height, width))
        np.testing.assert_array_equal(sample.label, expected)
        assert sample.image.shape == (height, width, 3)


def test_both_splits_have_their_official_size(tmp_path, caplog):
    plant(tmp_path, split="train")
    with caplog.at_level(logging.WARNING):
        CocoStuff(split="train", root=tmp_path)
    assert "the official split 118287" in caplog.text


def test_a_removed_class_is_no_label(tmp_path):
    plant(tmp_path)
    label = np.full((13, 15), 11, np.uint8)  # id 12, street sign
    Image.fromarray(label).save(tmp_path / "annotations/val2017/000000000139.png")
    with pytest.raises(DataError, match=r"11 \(195 pixels\)"):
        CocoStuff(split="val", root=tmp_path)[0]


def test_train_ids_written_by_other_tools_are_passed_over(tmp_path):
    folder = plant(tmp_path) / "annotations/val2017"
    Image.new("L", (15, 13)).save(folder / "000000000139_labelTrainIds.png")
    assert len(CocoStuff(split="val", root=tmp_path)) == 2


def test_wrong_choices_and_folders_are_told(tmp_path):
    plant(tmp_path / "dataset")
    with pytest.raises(ConfigError, match=r"(?s)'test'; allowed: train, val\n.*not published"):
        CocoStuff(split="test", root=tmp_path)
    with pytest.raises(DataError, match=r"it seems to be .*dataset"):
        CocoStuff(split="val", root=tmp_path)
    with pytest.raises(DataError, match=r"looked for: images/train2017, annotations/train2017"):
        CocoStuff(split="train", root=tmp_path / "dataset")
    (tmp_path / "dataset/images/val2017/000000000139.jpg").unlink()
    with pytest.raises(DataError, match="1 labels have no image"):
        CocoStuff(split="val", root=tmp_path / "dataset")
