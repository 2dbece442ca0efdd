"""Annotations in COCO's format decode to the label maps."""

import json

import numpy as np
import pytest

from seg.data.datasets.coco_instances import CocoInstances
from seg.prediction.writers.coco import Coco
from tests.prediction.conftest import OF_PYCOCOTOOLS
from tests.prediction.writers.read_back import drawn, saved
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
@pytest.mark.parametrize("kind", ["rle", "polygons"])
def test_coco_loads_in_its_own_library(tmp_path, kind):
    coco = pytest.importorskip("pycocotools.coco")
    options = {"coco_segmentation": kind, "simplify_tolerance_px": 0, "min_area_px": 0}
    written = saved(Coco, tmp_path, **options)
    read = coco.COCO(str(tmp_path / "out/annotations.json"))
    for image in read.dataset["images"]:
        label_HW = written[image["file_name"].removesuffix(".png")]
        drawn_HW = np.full_like(label_HW, 255)
        annotations = read.loadAnns(read.getAnnIds(imgIds=[image["id"]]))
        for annotation in annotations:
            mask_HW = read.annToMask(annotation) > 0
            assert (drawn_HW[mask_HW] == 255).all()
            drawn_HW[mask_HW] = annotation["category_id"]
            assert mask_HW.sum() == annotation["area"]
            rows, columns = np.nonzero(mask_HW)
            left, top, width, height = annotation["bbox"]
            assert (left, left + width) == (columns.min(), columns.max() + 1)
            assert (top, top + height) == (rows.min(), rows.max() + 1)
        np.testing.assert_array_equal(drawn_HW, label_HW)
        shapes = {type(each["segmentation"]) for each in annotations}
        assert shapes == ({dict} if kind == "rle" else {dict, list})


@pytest.mark.parametrize("kind", ["rle", "polygons"])
def test_no_pixel_differs_without_tolerance(tmp_path, kind):
    pytest.importorskip("pycocotools")
    options = {"coco_segmentation": kind, "simplify_tolerance_px": 0, "min_area_px": 0}
    written = saved(Coco, tmp_path, **options)
    files = {"annotations": "out/annotations.json", "images": "images"}
    files |= {"unlabelled": "ignored", "unannotated": "exclude"}
    read = drawn(CocoInstances, tmp_path, classes=NAMES, **files)
    for name, label_HW in written.items():
        np.testing.assert_array_equal(read[name], label_HW)
