"""Annotations in COCO's format decode to the label maps."""

import json

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.coco_instances import CocoInstances
from seg.prediction.writers.coco import Coco
from tests.prediction.conftest import OF_PYCOCOTOOLS
from tests.prediction.written_formats import (
    NAMES,
    SHAPE,
    A,
    B,
    assembled,
    label,
    settings,
)


@OF_PYCOCOTOOLS
def test_coco_annotations_decode_to_the_label_maps(tmp_path):
    mask = pytest.importorskip("pycocotools.mask")
    assembled(Coco, settings(tmp_path), [A, B])
    read = json.loads((tmp_path / "annotations.json").read_text())
    assert [each["name"] for each in read["categories"]] == list(NAMES)
    assert [each["file_name"] for each in read["images"]] == ["deep/a.jpg", "b.png"]
    for seed, image in enumerate(read["images"]):
        assert (image["width"], image["height"]) == SHAPE[::-1]
        drawn = np.full(SHAPE, 255, np.uint8)
        for each in read["annotations"]:
            if each["image_id"] == image["id"]:
                assert mask.area(each["segmentation"]) == each["area"]
                drawn[mask.decode(each["segmentation"]) > 0] = each["category_id"]
        np.testing.assert_array_equal(drawn, label(seed))
    ids = [each["id"] for each in read["annotations"]]
    assert ids == list(range(1, len(ids) + 1))


@OF_PYCOCOTOOLS
def test_coco_loads_in_its_own_library(tmp_path):
    coco = pytest.importorskip("pycocotools.coco")
    for kind in ("rle", "polygons"):
        assembled(Coco, settings(tmp_path, coco_segmentation=kind), [A, B])
        read = coco.COCO(str(tmp_path / "annotations.json"))
        for annotation in read.loadAnns(read.getAnnIds(imgIds=[1])):
            covered = read.annToMask(annotation)
            inside = label(0) == annotation["category_id"]
            assert covered[inside].all()  # polygons may fill holes as well
            assert kind == "polygons" or covered.sum() == annotation["area"]


def test_it_is_read_back_as_a_dataset(tmp_path):
    assembled(Coco, settings(tmp_path), [A, B])
    for name in ("deep/a.jpg", "b.png"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SHAPE[::-1]).save(path)
    files = {"annotations": "annotations.json", "images": "images"}
    options = {"root": tmp_path, **files, "unlabelled": "ignored", "unannotated": "exclude"}
    splits = [CocoInstances(split=split, **options) for split in ("train", "val")]
    read = {each.pairs[0].name: each[0].label for each in splits}
    for seed, name in enumerate(("deep/a", "b")):
        np.testing.assert_array_equal(read[name], label(seed))
