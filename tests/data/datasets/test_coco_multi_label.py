"""COCO instances of classes that may overlap: each class is the union of its annotations."""

import numpy as np
import pytest

from seg.build.datasets import open_dataset
from seg.config.schema import DatasetTarget, Labels
from seg.data.datasets.coco_instances import CocoInstances
from tests.data.datasets.coco_tree import CAR, SIGN, plant

coco = pytest.importorskip("pycocotools.coco", reason="needs the extra coco")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

LARGE = {**CAR, "category_id": 7, "segmentation": [[0, 0, 6, 0, 6, 4, 0, 4]]}


def test_codes_are_the_unions_that_pycocotools_draws(tmp_path, capsys):
    root = plant(tmp_path, annotations=[SIGN, CAR, LARGE, {**LARGE, "image_id": 10}])
    dataset = CocoInstances(split="val", root=root, multi_label=True)
    assert dataset.labels.mode == "multi_label"
    assert "background" not in dataset.labels.names
    theirs = coco.COCO(next(root.glob("annotations/*val*.json")))
    names = {entry["id"]: entry["name"] for entry in theirs.dataset["categories"]}
    overlapping = 0
    for index, image in enumerate(theirs.getImgIds()):
        codes_HW = dataset.read_label(index)
        expected = np.zeros_like(codes_HW)
        for annotation in theirs.loadAnns(theirs.getAnnIds(image)):
            bit = dataset.labels.names.index(names[annotation["category_id"]])
            expected |= theirs.annToMask(annotation) << bit
        assert codes_HW.tolist() == expected.tolist()
        overlapping += np.count_nonzero(dataset.labels.members[codes_HW].sum(-1) > 1)
    assert overlapping


def test_the_mode_of_the_labels_says_it(tmp_path):
    plant(tmp_path, annotations=[SIGN, CAR])
    target = "seg.data.datasets.coco_instances.CocoInstances"
    section = DatasetTarget.model_validate({"_target_": target, "root": str(tmp_path)})
    assert open_dataset(section, Labels(), "val").labels.mode == "exclusive"
    labels = Labels.model_validate({"mode": "multi_label", "keep": ["car", "sign"]})
    dataset = open_dataset(section, labels, "val")
    assert (dataset.labels.mode, set(dataset.labels.names)) == ("multi_label", {"car", "sign"})


def test_ignored_annotations_cover_all_others(tmp_path):
    crowd = {**LARGE, "iscrowd": 1}
    crowd["segmentation"] = {"size": [5, 6], "counts": [0, 10, 20]}
    plant(tmp_path, annotations=[SIGN, CAR, crowd])
    dataset = CocoInstances(split="val", root=tmp_path, multi_label=True, crowd="ignored")
    assert (dataset.read_label(0)[:, :2] == 255).all()
    assert (dataset.read_label(0)[:, 2:] != 255).all()
    rest = CocoInstances(
        split="val", root=tmp_path, multi_label=True, unlabelled="ignored", unannotated="exclude"
    )
    assert set(np.unique(rest.read_label(0))) >= {255}
