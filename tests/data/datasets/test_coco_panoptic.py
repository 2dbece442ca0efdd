"""COCO's panoptic layout on a small tree, and on what Cityscapes' converter writes."""

import json
from copy import deepcopy

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.cityscapes import TRAIN_IDS
from seg.data.datasets.coco_panoptic import CocoPanoptic
from seg.errors import DataError

CATEGORIES = [
    {"id": 1, "name": "person", "isthing": 1, "color": [220, 20, 60], "supercategory": "person"},
    {"id": 200, "name": "rug-merged", "isthing": 0, "color": [250, 141, 255]},
]
LARGE_ID = 200 + 256 * 100 + 65536 * 50
SEGMENTS_HW = np.array([[0, 7, LARGE_ID], [300, 300, 7]])
EXPECTED = [[255, 0, 1], [0, 0, 0]]


def picture(segments_HW):
    channels = [segments_HW // 256**power % 256 for power in range(3)]
    return Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))


@pytest.fixture
def told():
    segments = [
        {"id": LARGE_ID, "category_id": 200, "area": 1, "bbox": [2, 0, 1, 1], "iscrowd": 0},
        {"id": 7, "category_id": 1, "area": 2, "bbox": [1, 0, 2, 2], "iscrowd": 0},
        {"id": 300, "category_id": 1, "area": 2, "bbox": [0, 1, 2, 1], "iscrowd": 1},
    ]
    return {
        "info": {},
        "images": [{"id": 139, "file_name": "000000000139.jpg", "width": 3, "height": 2}],
        "annotations": [
            {"image_id": 139, "file_name": "000000000139.png", "segments_info": segments}
        ],
        "categories": deepcopy(CATEGORIES),
    }


@pytest.fixture
def root(tmp_path, told):
    (tmp_path / "annotations/panoptic_val2017").mkdir(parents=True)
    (tmp_path / "val2017").mkdir()
    Image.new("RGB", (3, 2)).save(tmp_path / "val2017/000000000139.jpg")
    picture(SEGMENTS_HW).save(tmp_path / "annotations/panoptic_val2017/000000000139.png")
    write(tmp_path, told)
    return tmp_path


def write(root, told):
    (root / "annotations/panoptic_val2017.json").write_text(json.dumps(told))


def test_segments_become_their_categories(root):
    dataset = CocoPanoptic(split="val", root=root)
    assert dataset.labels.names == ("person", "rug-merged")
    assert dataset.labels.palette == ((220, 20, 60), (250, 141, 255))
    assert dataset[0].name == "000000000139"
    assert dataset[0].label.tolist() == EXPECTED


def test_a_segment_that_is_not_listed_is_told(root):
    changed_HW = np.where(SEGMENTS_HW == 7, 8, SEGMENTS_HW)
    picture(changed_HW).save(root / "annotations/panoptic_val2017/000000000139.png")
    with pytest.raises(DataError, match=r"139\.png: 1 segments .*: 8 \(2 pixels\)") as caught:
        CocoPanoptic(split="val", root=root)[0]
    assert (caught.value.fault, caught.value.values) == ("unknown_values", {"8": 2})


def test_other_file_names_are_a_choice(root):
    (root / "annotations").rename(root / "marks")
    (root / "marks/panoptic_val2017.json").rename(root / "val.json")
    names = {"annotations": "{split}.json", "segments": "marks/panoptic_{split}2017"}
    assert CocoPanoptic(split="val", root=root, **names)[0].label.tolist() == EXPECTED
    with pytest.raises(DataError, match=r"looked for: train\.json, marks/panoptic_train2017"):
        CocoPanoptic(split="train", root=root, **names)


def test_missing_files_are_told(root):
    (root / "val2017/000000000139.jpg").unlink()
    with pytest.raises(DataError, match=r"1 do not exist:\n.*000000000139\.jpg"):
        CocoPanoptic(split="val", root=root)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("categories",), None, "no list 'categories'"),
        (("categories", 1, "id"), 1, r"category 1 \('rug-merged'\): the id 1 occurs twice"),
        (("categories", 1, "name"), "person", "name 'person' occurs twice"),
        (("categories", 1, "color"), [1, 2], r"category 1 \('rug-merged'\): color"),
        (("categories", 0, "name"), 5, r"category 0: no 'name' \(str\)"),
        (("annotations", 0, "image_id"), 5, r"annotation 0 \(0.*image_id 5 is not in images"),
        (("annotations", 0, "segments_info"), {}, r"no 'segments_info' \(list\)"),
        (("annotations", 0, "segments_info", 0, "category_id"), 5, "category_id 5, which is not"),
        (
            ("annotations", 0, "segments_info", 0, "id"),
            7,
            "segment 7; allowed: 1 to 16777215, each",
        ),
        (("annotations", 0, "file_name"), "", "file_name is ''; a path in its directory"),
        (("annotations", 0, "file_name"), "../1.png", "a path in its directory is needed"),
        (("images", 0, "file_name"), "/etc/passwd", "a path in its directory is needed"),
        (("images", 0, "file_name"), "a\0.jpg", "a path in its directory is needed"),
        (("annotations", 0, "segments_info", 0, "id"), 2**24, "segment 16777216; allowed"),
    ],
)
def test_mistakes_in_the_json_are_told(root, told, path, value, message):
    place = told
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    write(root, told)
    with pytest.raises(DataError, match=message):
        CocoPanoptic(split="val", root=root)


def test_one_file_has_one_annotation(root, told):
    told["annotations"] *= 2
    write(root, told)
    with pytest.raises(DataError, match=r"annotation 1 .* has the same file_name"):
        CocoPanoptic(split="val", root=root)


@pytest.mark.parametrize("train_ids", [False, True])
def test_what_cityscapes_converter_writes(tmp_path, train_ids):
    """An id of 0 among the categories, words as image ids, and an independent writer."""
    writer = pytest.importorskip("cityscapesscripts.preparation.createPanopticImgs")
    labels = pytest.importorskip("cityscapesscripts.helpers.labels")
    (tmp_path / "fine/val/ulm").mkdir(parents=True)
    (tmp_path / "photos/val").mkdir(parents=True)
    kinds = [label for label in labels.labels if label.id >= 0]
    ids_HW = np.array([[label.id for label in kinds]], np.int32).repeat(2, axis=0)
    with_instances = [label.hasInstances and not label.ignoreInEval for label in kinds]
    instances_HW = np.where(with_instances, ids_HW * 1000 + [[0], [1]], ids_HW).astype(np.uint16)
    Image.fromarray(instances_HW).save(tmp_path / "fine/val/ulm/ulm_0_0_gtFine_instanceIds.png")
    Image.new("RGB", (34, 2)).save(tmp_path / "photos/val/ulm_0_0_gtFine_leftImg8bit.png")
    writer.convert2panoptic(str(tmp_path / "fine"), str(tmp_path), train_ids, ["val"])
    suffix = "_trainId" if train_ids else ""
    dataset = CocoPanoptic(
        split="val",
        root=tmp_path,
        annotations=f"cityscapes_panoptic_{{split}}{suffix}.json",
        segments=f"cityscapes_panoptic_{{split}}{suffix}",
        images="photos/{split}",
    )
    assert dataset.labels.names == TRAIN_IDS.names
    assert dataset.labels.palette == TRAIN_IDS.palette
    assert dataset[0].label.tolist() == [[label.trainId for label in kinds]] * 2


def test_images_without_an_annotation_are_named(root, told, caplog):
    for number in (2, 1):
        told["images"].append({"id": number, "file_name": f"b/{number}.jpg"})
    (root / "annotations/panoptic_val2017.json").write_text(json.dumps(told))
    assert len(CocoPanoptic(split="val", root=root)) == 1
    assert "val2017: not read, as no list in the annotations of" in caplog.text
    assert "names them: 2 files: b/1.jpg, b/2.jpg" in caplog.text
