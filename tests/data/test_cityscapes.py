"""Cityscapes on a small tree in the official layout."""

import logging

import numpy as np
import pytest
from PIL import Image

from seg.data.cityscapes import LABEL_IDS, TRAIN_IDS, Cityscapes
from seg.errors import ConfigError, DataError

# labels.py of cityscapesScripts: id -> trainId of the 19 classes, in the order of train ids.
OFFICIAL = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)


def plant(root, split="val", cities=("ulm", "bonn"), kinds=("labelIds", "labelTrainIds")):
    for number, city in enumerate(cities):
        stem = f"{city}_00000{number}_000019"
        for folder in ("leftImg8bit", "gtFine"):
            (root / folder / split / city).mkdir(parents=True, exist_ok=True)
        picture = Image.new("RGB", (8, 5), (number, 2, 3))
        picture.save(root / f"leftImg8bit/{split}/{city}/{stem}_leftImg8bit.png")
        ids = np.resize(np.array([*range(34), 255], np.uint8), (5, 8))
        for kind in kinds:
            values = ids if kind == "labelIds" else np.where(ids < 19, ids, 255).astype(np.uint8)
            Image.fromarray(values).save(root / f"gtFine/{split}/{city}/{stem}_gtFine_{kind}.png")
        picture.save(root / f"gtFine/{split}/{city}/{stem}_gtFine_color.png")
    return root


def test_label_ids_become_train_ids(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        dataset = Cityscapes(split="val", root=plant(tmp_path))
    assert "has 2 samples, the official split 500" in caplog.text
    assert [dataset[i].name for i in (0, 1)] == ["bonn/bonn_000001_000019", "ulm/ulm_000000_000019"]
    expected = np.full(256, 255)
    expected[list(OFFICIAL)] = range(19)
    ids = np.resize(np.array([*range(34), 255]), (5, 8))
    np.testing.assert_array_equal(dataset[0].label, expected[ids])
    assert dataset.labels is LABEL_IDS


def test_train_ids_are_taken_as_they_are(tmp_path):
    dataset = Cityscapes(split="val", root=plant(tmp_path), annotation="labelTrainIds")
    ids = np.resize(np.array([*range(34), 255]), (5, 8))
    np.testing.assert_array_equal(dataset[1].label, np.where(ids < 19, ids, 255))
    assert dataset.labels is TRAIN_IDS


def test_both_spaces_are_the_same_classes():
    assert LABEL_IDS.names == TRAIN_IDS.names
    assert LABEL_IDS.palette == TRAIN_IDS.palette
    assert LABEL_IDS.names[0] == "road"
    assert LABEL_IDS.num_classes == 19


def test_wrong_choices_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="train, val, test"):
        Cityscapes(split="valid", root=tmp_path)
    with pytest.raises(ConfigError, match="labelIds, labelTrainIds"):
        Cityscapes(split="val", root=tmp_path, annotation="color")


def test_missing_train_ids_point_to_label_ids(tmp_path):
    plant(tmp_path, kinds=("labelIds",))
    with pytest.raises(DataError, match="annotation=labelIds"):
        Cityscapes(split="val", root=tmp_path, annotation="labelTrainIds")


def test_half_a_download_is_told(tmp_path):
    plant(tmp_path)
    for label in tmp_path.glob("gtFine/val/ulm/*_labelIds.png"):
        label.unlink()
    with pytest.raises(DataError, match="1 images have no label"):
        Cityscapes(split="val", root=tmp_path)
    with pytest.raises(DataError, match="leftImg8bit/train, gtFine/train"):
        Cityscapes(split="train", root=tmp_path)
