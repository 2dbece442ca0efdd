"""Directories of images with LabelMe's files."""

import json
import logging
import re

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from PIL import Image

from seg.data.datasets.labelme import LabelMe
from seg.data.fingerprint import fingerprint
from seg.errors import ConfigError, DataError


def plant(folder, name, *labels, image_data=None):
    """An image of 4 x 2 pixels whose first column has the first label, the second the second."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 2), (1, 2, 3)).save(folder / f"{name}.jpg")
    shapes = [
        {"label": label, "points": [[at, 0], [at, 1]], "shape_type": "rectangle", "group_id": None}
        for at, label in enumerate(labels)
    ]
    told = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": f"{name}.jpg",
            "imageData": image_data, "imageHeight": 2, "imageWidth": 4}  # fmt: skip
    (folder / f"{name}.json").write_text(json.dumps(told))


@pytest.fixture
def root(tmp_path):
    plant(tmp_path / "train", "a", "road", "car", "__ignore__", image_data="not used")
    plant(tmp_path / "validation/city", "b", "car", "bus")
    return tmp_path


def test_classes_are_those_of_all_splits_sorted(root, caplog):
    with caplog.at_level(logging.INFO):
        train, val = (LabelMe(split=split, root=root) for split in ("train", "val"))
    assert train.labels == val.labels
    assert train.labels.names == ("background", "bus", "car", "road")
    assert train.labels.palette[0] == (0, 0, 0)
    assert train[0].label.tolist() == [[3, 2, 255, 0]] * 2
    assert (val[0].name, val[0].label.tolist()) == ("city/b", [[2, 1, 0, 0]] * 2)
    assert "bus, car, road" in caplog.text


def test_labels_that_differ_in_case_or_blanks_alone_are_named_with_a_remedy_that_works(
    tmp_path, caplog
):
    plant(tmp_path / "train", "a", "car", "Car ", "road")
    dataset = LabelMe(split="train", root=tmp_path)
    assert dataset.labels.names == ("background", "Car ", "car", "road")
    option = re.search("'(labels.merge=.*)'", caplog.text)[1]
    override = OverridesParser.create().parse_override(option)
    merged = dataset.labels.remapped(merge=override.value())
    assert merged.names == ("background", "Car", "road")
    assert caplog.text.count("differ in case") == 1


def test_unlabelled_pixels_may_be_ignored(root):
    dataset = LabelMe(split="train", root=root, unlabelled="ignored")
    assert dataset.labels.names == ("bus", "car", "road")
    assert dataset[0].label.tolist() == [[2, 1, 255, 255]] * 2
    with pytest.raises(ConfigError, match="background, ignored"):
        LabelMe(split="train", root=root, unlabelled="void")


def test_given_classes_keep_their_order_and_are_all(root):
    options = {"root": root, "classes": ["road", "car"]}
    dataset = LabelMe(split="train", **options)
    assert dataset.labels.names == ("background", "road", "car")
    assert dataset[0].label.tolist() == [[1, 2, 255, 0]] * 2
    with pytest.raises(DataError, match=r"b\.json: labels that are no class: 'bus' \(2 pixels\)"):
        LabelMe(split="val", **options)[0]
    ignoring = LabelMe(split="val", **options, ignored=["bus", "__ignore__"])
    assert ignoring[0].label.tolist() == [[2, 255, 0, 0]] * 2
    with pytest.raises(ConfigError, match="both name car"):
        LabelMe(split="val", **options, ignored=["car"])


def test_a_background_that_was_drawn_is_the_same_class(tmp_path):
    plant(tmp_path / "train", "a", "background", "air")
    dataset = LabelMe(split="train", root=tmp_path)
    assert dataset.labels.names == ("background", "air")
    assert dataset[0].label.tolist() == [[0, 1, 0, 0]] * 2
    dataset = LabelMe(split="train", root=tmp_path, unlabelled="ignored")
    assert dataset[0].label.tolist() == [[1, 0, 255, 255]] * 2


def test_one_folder_is_split_by_name(tmp_path):
    for number in range(6):
        plant(tmp_path, f"p{number}", "car")
    train, val = (
        LabelMe(split=split, root=tmp_path, val_fraction=0.3) for split in ("train", "val")
    )
    assert (len(train), len(val)) == (4, 2)
    assert {pair.name for pair in (*train.pairs, *val.pairs)} == {f"p{n}" for n in range(6)}


def test_a_broken_file_is_told_when_it_is_read(root, caplog):
    plant(root / "train", "c")
    (root / "train/c.json").write_text("{")
    dataset = LabelMe(split="train", root=root)
    assert "1 files could not be read for their labels" in caplog.text
    with pytest.raises(DataError, match=r"c\.json: label is damaged, no valid JSON"):
        dataset[1]


def test_what_is_wrong_with_a_folder_is_told(root):
    with pytest.raises(DataError, match="no split 'test'; found: train, validation"):
        LabelMe(split="test", root=root)
    with pytest.raises(DataError, match="there is no such directory"):
        LabelMe(split="train", root=root / "none")
    (root / "train/a.json").unlink()
    with pytest.raises(DataError, match="no files in"):
        LabelMe(split="train", root=root)
    plant(root / "train", "b", "car")
    with pytest.raises(DataError, match="1 images have no label"):
        LabelMe(split="train", root=root)


@pytest.mark.parametrize("unlabelled", ["background", "ignored"])
def test_labelmes_background_is_class_0(tmp_path, unlabelled):
    plant(tmp_path / "train", "a", "_background_", "Car", "_background_")
    dataset = LabelMe(split="train", root=tmp_path, unlabelled=unlabelled)
    assert dataset.labels.names == ("background", "Car")
    rest = 0 if unlabelled == "background" else 255
    assert dataset[0].label.tolist() == [[0, 1, 0, rest]] * 2
    listed = LabelMe(split="train", root=tmp_path, classes=["_background_", "Car"])
    assert listed.labels.names == ("background", "Car")
    assert listed[0].label.tolist() == [[0, 1, 0, 0]] * 2


def test_what_unlabelled_pixels_are_belongs_to_the_fingerprint(tmp_path):
    plant(tmp_path / "train", "a", "background", "car")
    options = {"split": "train", "root": tmp_path, "classes": ["background", "car"]}
    datasets = [LabelMe(**options, unlabelled=each) for each in ("background", "ignored")]
    assert datasets[0].labels == datasets[1].labels
    assert fingerprint(datasets[0]) != fingerprint(datasets[1])
