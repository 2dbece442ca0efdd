"""Cityscapes on a small tree in the official layout."""

import logging
import re

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.cityscapes import LABEL_IDS, OFFICIAL, TRAIN_IDS, Cityscapes
from seg.errors import ConfigError, DataError

# labels.py of cityscapesScripts: id -> trainId of the 19 classes, in the order of train ids.
TRAINED_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)


def plant(
    root, split="val", cities=("ulm", "bonn"), kinds=("labelIds", "labelTrainIds"), gt="gtFine"
):
    for number, city in enumerate(cities):
        stem = f"{city}_00000{number}_000019"
        for folder in ("leftImg8bit", gt):
            (root / folder / split / city).mkdir(parents=True, exist_ok=True)
        picture = Image.new("RGB", (8, 5), (number, 2, 3))
        picture.save(root / f"leftImg8bit/{split}/{city}/{stem}_leftImg8bit.png")
        ids = np.resize(np.array([*range(34), 255], np.uint8), (5, 8))
        for kind in kinds:
            values = ids if kind == "labelIds" else np.where(ids < 19, ids, 255).astype(np.uint8)
            Image.fromarray(values).save(root / f"{gt}/{split}/{city}/{stem}_{gt}_{kind}.png")
        picture.save(root / f"{gt}/{split}/{city}/{stem}_{gt}_color.png")
    return root


def test_label_ids_become_train_ids(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        dataset = Cityscapes(split="val", root=plant(tmp_path))
    assert "has 2 samples, the official split 500" in caplog.text
    assert [dataset[i].name for i in (0, 1)] == ["bonn/bonn_000001_000019", "ulm/ulm_000000_000019"]
    expected = np.full(256, 255)
    expected[list(TRAINED_IDS)] = range(19)
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


def test_the_table_is_that_of_cityscapesscripts():
    theirs = pytest.importorskip("cityscapesscripts.helpers.labels").labels
    table = [
        (each.id, each.name, None if each.trainId in (-1, 255) else each.trainId, each.color)
        for each in theirs
    ]
    assert list(OFFICIAL) == table
    trained = sorted((row for row in table if row[2] is not None), key=lambda row: row[2])
    assert TRAIN_IDS.names == tuple(name for _, name, _, _ in trained)
    assert TRAIN_IDS.palette == tuple(color for *_, color in trained)
    written = np.array([[each.id for each in theirs]]).astype(np.uint8)
    expected = [255 if each.trainId == -1 else each.trainId for each in theirs]
    assert LABEL_IDS.encode(written, "ids").ravel().tolist() == expected


@pytest.fixture
def extra(tmp_path):
    """All parts: fine train and val, coarse train, train_extra and val."""
    for gt in ("gtFine", "gtCoarse"):
        plant(tmp_path, "train", cities=("aachen", "bochum"), gt=gt)
        plant(tmp_path, "val", gt=gt)
    return plant(tmp_path, "train_extra", cities=("augsburg",), gt="gtCoarse")


FINE = ["gtFine/train/aachen", "gtFine/train/bochum"]
COARSE = ["gtCoarse/train/aachen", "gtCoarse/train/bochum"]
EXTRA = ["gtCoarse/train_extra/augsburg"]


@pytest.mark.parametrize(
    ("options", "folders", "told"),
    [
        ("train fine", FINE, "train in .* has 2 samples, the official split 2975"),
        ("train coarse", COARSE, "has 2 samples, the official split 2975"),
        ("train_extra coarse", EXTRA, "train_extra in .* has 1 samples, the official split 19998"),
        ("train_and_extra fine", FINE + EXTRA, r"train \+ train_extra in .* official split 22973"),
        ("train_and_extra coarse", COARSE + EXTRA, "has 3 samples, the official split 22973"),
    ],
)
def test_what_training_is_made_of(extra, caplog, options, folders, told):
    chosen = dict(zip(("train_split", "quality"), options.split(), strict=True))
    with caplog.at_level(logging.WARNING):
        dataset = Cityscapes(split="train", root=extra, **chosen)
    assert re.search(told, caplog.text)
    labels = [pair.label.relative_to(extra) for pair in dataset.pairs]
    assert [label.parent.as_posix() for label in labels] == folders
    names = [dataset[index].name for index in range(len(dataset))]
    assert names == [pair.name for pair in dataset.pairs]
    for name, label in zip(names, labels, strict=True):
        assert str(label).endswith(f"{name}_{label.parts[0]}_labelIds.png")
    val = Cityscapes(split="val", root=extra, **chosen)
    assert {pair.label.relative_to(extra).parts[0] for pair in val.pairs} == {"gtFine"}


def test_coarse_labels_may_hold_train_ids(extra):
    dataset = Cityscapes(
        split="train", root=extra, annotation="labelTrainIds", train_split="train_and_extra"
    )
    stems = [pair.label.stem.partition("_000019_")[2] for pair in dataset.pairs]
    assert stems == [*["gtFine_labelTrainIds"] * 2, "gtCoarse_labelTrainIds"]
    assert set(np.unique(dataset[2].label)) == {*range(19), 255}


def test_fine_labels_of_train_extra_are_refused(extra):
    with pytest.raises(ConfigError, match=r"dataset\.quality=coarse"):
        Cityscapes(split="train", root=extra, train_split="train_extra")


def test_missing_coarse_labels_are_told(tmp_path):
    plant(tmp_path, "train")
    with pytest.raises(DataError, match="leftImg8bit/train_extra, gtCoarse/train_extra"):
        Cityscapes(split="train", root=tmp_path, train_split="train_and_extra")


def test_wrong_choices_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="train, val, test"):
        Cityscapes(split="valid", root=tmp_path)
    with pytest.raises(ConfigError, match="labelIds, labelTrainIds"):
        Cityscapes(split="val", root=tmp_path, annotation="color")
    with pytest.raises(ConfigError, match="train, train_extra, train_and_extra"):
        Cityscapes(split="train", root=tmp_path, train_split="trainval")
    with pytest.raises(ConfigError, match="fine, coarse"):
        Cityscapes(split="train", root=tmp_path, quality="polygons")


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
