"""ADE20K's scene parsing benchmark on a small tree in the official layout."""

import hashlib
import logging

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.ade20k import LABELS, Ade20k
from seg.errors import ConfigError, DataError

# Of github.com/CSAILVision/sceneparsing at e202229: the names of objectName150.mat (equal to the
# first ones of objectInfo150.txt) without spaces around, joined by line feeds; and the bytes of
# `colors` in visualizationCode/color150.mat.
NAMES_SHA256 = "ffd47f2fcbad6c484a3e320702ff1278dae14e78d443d81987142210b70c5032"
COLORS_SHA256 = "ce475c9151035eff51f4cf27fd7d906959b1480f6d15b9423ae2417c1b23a0ed"
SIZES = ((16, 10), (19, 8))  # width, height


def ids(number):
    width, height = SIZES[number - 1]
    return np.resize(np.arange(151, dtype=np.uint8), (height, width))


@pytest.fixture
def ade(tmp_path):
    root = tmp_path / "ADEChallengeData2016"
    for folder, part in (("training", "train"), ("validation", "val")):
        for kind in ("images", "annotations"):
            (root / kind / folder).mkdir(parents=True)
        for number, size in enumerate(SIZES, 1):
            name = f"{folder}/ADE_{part}_{number:08d}"
            Image.new("RGB", size, (1, 2, 3)).save(root / f"images/{name}.jpg")
            Image.fromarray(ids(number)).save(root / f"annotations/{name}.png")
    (root / "objectInfo150.txt").write_text("Idx\tRatio\tTrain\tVal\tName\n")
    return root


def test_the_tables_are_the_official_ones():
    assert hashlib.sha256("\n".join(LABELS.names).encode()).hexdigest() == NAMES_SHA256
    colors = np.array(LABELS.palette, np.uint8)
    assert colors.shape == (150, 3)
    assert hashlib.sha256(colors.tobytes()).hexdigest() == COLORS_SHA256
    assert LABELS.names[0] == "wall"
    assert LABELS.palette[2] == (6, 230, 230)  # sky


@pytest.mark.parametrize(("split", "official"), [("train", 20210), ("val", 2000)])
def test_others_are_ignored_and_classes_start_at_one(ade, split, official, caplog):
    with caplog.at_level(logging.WARNING):
        dataset = Ade20k(split=split, root=ade)
    assert f"has 2 samples, the official split {official}" in caplog.text
    assert [pair.name for pair in dataset.pairs] == [f"ADE_{split}_{n:08d}" for n in (1, 2)]
    for number in (1, 2):
        expected = np.array([255, *range(150)])[ids(number)]
        np.testing.assert_array_equal(dataset[number - 1].label, expected)
        assert dataset[number - 1].image.shape == (*expected.shape, 3)


def test_other_values_are_refused(ade):
    label = np.full(ids(1).shape, 151, np.uint8)
    Image.fromarray(label).save(ade / "annotations/validation/ADE_val_00000001.png")
    with pytest.raises(DataError, match=r"151 \(160 pixels\)[\s\S]*allowed: 0-150"):
        Ade20k(split="val", root=ade)[0]


def test_wrong_choices_and_folders_are_told(ade):
    with pytest.raises(ConfigError, match=r"(?s)'test'; allowed: train, val\n.*not published"):
        Ade20k(split="test", root=ade)
    with pytest.raises(DataError, match=r"it seems to be .*ADEChallengeData2016"):
        Ade20k(split="val", root=ade.parent)
    (ade / "annotations/validation/ADE_val_00000002.png").unlink()
    with pytest.raises(DataError, match="1 images have no label"):
        Ade20k(split="val", root=ade)
