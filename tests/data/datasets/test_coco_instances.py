"""COCO instances on a small tree: layouts, options, and what is refused."""

import json
import logging
import os

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.coco_instances import CocoInstances
from seg.data.fingerprint import fingerprint
from seg.data.label_values import label_values
from seg.data.readers import coco_masks
from seg.dataset_tools.sample_checks import inspect
from seg.errors import ConfigError, DataError
from tests.data.datasets.coco_tree import CAR, CATEGORIES, IDS, POSITIONS, ROAD, SIGN, plant

pytest.importorskip("pycocotools", reason="needs the extra coco")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

BOX = {"image_id": 11, "category_id": 7, "bbox": [4, 0, 2, 2], "segmentation": []}
NOTHING = np.zeros((5, 6)).tolist()


def labels_of(dataset):
    return [dataset.read_label(index).tolist() for index in range(len(dataset))]


def label_of(root, **options):
    return CocoInstances(split="val", root=root, **options)[0].label.tolist()


def test_annotations_become_the_classes_of_their_categories(tmp_path):
    dataset = CocoInstances(split="val", root=plant(tmp_path))
    assert dataset.labels.names == ("background", "sign", "road", "car")
    assert dataset.labels.palette[0] == (0, 0, 0)
    assert [sample.name for sample in dataset] == ["a", "b"]
    assert labels_of(dataset) == [POSITIONS, NOTHING]
    written = label_values(dataset.labels, "id").written(dataset[0].label)
    assert written.tolist() == IDS


def test_smaller_or_later_annotations_lie_on_top(tmp_path):
    plant(tmp_path, annotations=[SIGN, CAR])
    assert label_of(tmp_path)[2][2] == 1
    assert label_of(tmp_path, overlap_order="file")[2][2] == 3
    larger = {**CAR, "category_id": 7, "area": 1}  # the area of the file is not asked
    larger["segmentation"] = [[0, 0, 6, 0, 6, 5, 0, 5]]
    twin = {**CAR, "category_id": 90}
    plant(tmp_path, annotations=[CAR, twin, larger])
    assert label_of(tmp_path)[2] == [2, 1, 1, 1, 1, 2]
    assert label_of(tmp_path, overlap_order="file")[2] == [2, 2, 2, 2, 2, 2]


def test_crowds_boxes_and_the_rest_may_be_ignored(tmp_path):
    plant(tmp_path)
    assert [row[0] for row in label_of(tmp_path, crowd="ignored")] == [255] * 5
    plant(tmp_path, annotations=[CAR, BOX])
    with pytest.raises(DataError, match=r"annotation 1 \(a\.jpg\): has a box") as caught:
        label_of(tmp_path)
    assert caught.value.fault == "no_segmentation"
    assert label_of(tmp_path, boxes="ignored")[:2] == [
        [0, 0, 0, 0, 255, 255], [0, 3, 3, 3, 255, 255]]  # fmt: skip
    assert label_of(tmp_path, boxes="exclude")[:2] == [[0] * 6, [0, 3, 3, 3, 3, 0]]
    rest = {"unlabelled": "ignored", "unannotated": "exclude", "boxes": "exclude"}
    dataset = CocoInstances(split="val", root=tmp_path, **rest)
    assert dataset.labels.names == ("sign", "road", "car")
    assert dataset[0].label.tolist()[:2] == [[255] * 6, [255, 2, 2, 2, 2, 255]]
    with pytest.raises(ConfigError, match=r"dataset\.unannotated=exclude"):
        CocoInstances(split="val", root=tmp_path, unlabelled="ignored")


def test_a_file_of_boxes_alone_is_refused(tmp_path):
    plant(tmp_path, annotations=[BOX, {**BOX, "segmentation": [[]]}])
    with pytest.raises(DataError, match="its 2 annotations are boxes without segmentation"):
        label_of(tmp_path, boxes="ignored")


def test_images_without_annotation_are_background_by_default(tmp_path, caplog):
    plant(tmp_path, names=("a.jpg", "empty.jpg"))
    with pytest.raises(DataError, match="1 images have no label") as caught:
        CocoInstances(split="val", root=tmp_path, unannotated="error")
    assert "dataset.unannotated=exclude" in str(caught.value)
    tolerant = CocoInstances.tolerant(split="val", root=tmp_path, unannotated="error")
    assert [each.path.name for each in tolerant.unmatched] == ["empty.jpg"]
    assert [pair.name for pair in tolerant.pairs] == ["a"]
    with caplog.at_level(logging.INFO):
        excluding = CocoInstances(split="val", root=tmp_path, unannotated="exclude")
    assert len(excluding) == 1
    assert "1 of 2 images without annotation are left out: empty" in caplog.text


def test_classes_choose_and_order_categories(tmp_path, caplog):
    plant(tmp_path)
    with caplog.at_level(logging.INFO):
        dataset = CocoInstances(split="val", root=tmp_path, classes=["car", "road"])
    assert dataset.labels.names == ("background", "car", "road")
    assert dataset[0].label.tolist()[2] == [2, 1, 1, 1, 1, 0]
    assert "1 of 3 annotations are not drawn" in caplog.text
    assert "1 of sign" in caplog.text
    placed = CocoInstances(split="val", root=tmp_path, classes=["car", "background"])
    assert (placed.labels.names, placed[0].label[0, 0]) == (("car", "background"), 1)
    for classes, message in ((["bus"], "no category 'bus'"), (["car", "car"], "listed twice")):
        with pytest.raises(ConfigError, match=message):
            CocoInstances(split="val", root=tmp_path, classes=classes)


@pytest.mark.parametrize(
    ("ids", "values"),
    [
        ((0, 1, 2), {"background": 3, "sign": 0, "road": 1, "car": 2}),  # Label Studio
        ((255, 0, 1), {"background": 2, "sign": 255, "road": 0, "car": 1}),
        ((70000, 7, 3), {"background": 0, "sign": 1, "road": 2, "car": 3}),
        ((-1, 7, 3), {"background": 0, "sign": 1, "road": 2, "car": 3}),
        ((300, 7, 3), {"background": 0, "sign": 300, "road": 7, "car": 3}),
    ],
)
def test_the_background_takes_a_free_id(tmp_path, ids, values):
    renumbered = dict(zip((90, 7, 3), ids, strict=True))
    categories = [{**each, "id": renumbered[each["id"]]} for each in CATEGORIES]
    annotations = [{**e, "category_id": renumbered[e["category_id"]]} for e in (SIGN, CAR, ROAD)]
    plant(tmp_path, categories=categories, annotations=annotations)
    dataset = CocoInstances(split="val", root=tmp_path, crowd="ignored")
    table = label_values(dataset.labels, "id")
    assert dict(zip(dataset.labels.names, table.classes, strict=True)) == values
    expected = np.where(np.array(POSITIONS) == 2, 255, POSITIONS)
    assert dataset[0].label.tolist() == expected.tolist()


def test_a_category_called_background_is_the_rest(tmp_path):
    categories = [{"id": 3, "name": "car"}, {"id": 5, "name": "background"}]
    hole = {**SIGN, "category_id": 5}
    plant(tmp_path, categories=categories, annotations=[hole, CAR])
    dataset = CocoInstances(split="val", root=tmp_path)
    assert dataset.labels.names == ("car", "background")
    assert dataset[0].label.tolist()[2] == [1, 0, 1, 0, 0, 1]
    chosen = CocoInstances(split="val", root=tmp_path, classes=["car"])
    assert chosen.labels.names == ("background", "car")
    assert chosen[0].label.tolist()[2] == [0, 1, 0, 1, 1, 0]


def test_an_unused_category_of_the_same_name_is_passed_over(tmp_path):
    plant(tmp_path, categories=[{"id": 0, "name": "car"}, *CATEGORIES])  # Roboflow's first
    assert label_of(tmp_path) == POSITIONS
    twice = [{"id": 4, "name": "car"}, *CATEGORIES]
    plant(tmp_path, categories=twice, annotations=[CAR, {**CAR, "category_id": 4}])
    with pytest.raises(DataError, match="several categories are called 'car'"):
        label_of(tmp_path)


def test_missing_images_are_named_and_can_be_tolerated(tmp_path):
    plant(tmp_path)
    (tmp_path / "val2017/a.jpg").unlink()
    with pytest.raises(DataError, match=r"1 do not exist:\n.*a\.jpg"):
        CocoInstances(split="val", root=tmp_path)
    tolerant = CocoInstances.tolerant(split="val", root=tmp_path)
    assert [each.path.name for each in tolerant.unmatched] == ["a.jpg"]


def test_another_size_and_shapes_without_pixels_are_named(tmp_path):
    tiny = {**CAR, "segmentation": [[1.1, 1.1, 1.2, 1.1, 1.2, 1.2]]}
    plant(tmp_path, annotations=[CAR, tiny])
    inspection = inspect(CocoInstances(split="val", root=tmp_path), 0)
    assert not inspection.faults
    (note,) = inspection.notes
    assert (note.kind, "1 shapes cover no pixel: annotation 1" in note.message) == (
        "empty_shape", True)  # fmt: skip
    Image.new("RGB", (5, 6)).save(tmp_path / "val2017/a.jpg")
    message = r"label .*instances_val2017\.json: 6 x 5"
    with pytest.raises(DataError, match=message) as caught:
        label_of(tmp_path)
    assert caught.value.fault == "size_mismatch"


def test_the_state_of_the_file_and_the_options_belong_to_the_fingerprint(tmp_path):
    plant(tmp_path)
    options = [{}, {"overlap_order": "file"}, {"crowd": "ignored"}, {"boxes": "exclude"}]
    datasets = [CocoInstances(split="val", root=tmp_path, **each) for each in options]
    assert len({fingerprint(each) for each in datasets}) == len(options)
    file = tmp_path / "annotations/instances_val2017.json"
    before = fingerprint(datasets[0])
    os.utime(file, (1, 1))
    assert fingerprint(CocoInstances(split="val", root=tmp_path)) != before
    with pytest.raises(DataError, match="has changed since it was read"):
        datasets[0][0]


def test_polygons_need_pycocotools_and_run_lengths_do_not(tmp_path, monkeypatch):
    plant(tmp_path, annotations=[SIGN, ROAD])
    monkeypatch.setattr(coco_masks, "find_spec", lambda _: None)
    assert label_of(tmp_path)[0][0] == 2
    plant(tmp_path)
    with pytest.raises(ConfigError, match=r"pip install 'seg-xception\[coco\]'"):
        label_of(tmp_path)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("categories",), None, "no list 'categories'"),
        (("images",), [], "no list 'images' with content"),
        (("annotations",), {}, "no list 'annotations'"),
        (("categories", 1, "id"), 90, "the id 90 repeats"),
        (("categories", 1, "id"), "7", "category 1: id is '7'"),
        (("categories", 1, "name"), " ", "its name is empty"),
        (("images", 1, "id"), 11, "image 1 has the id of image 0: 11"),
        (("images", 1, "file_name"), "a.jpg", "image 1 has the file_name of image 0: 'a.jpg'"),
        (("images", 0, "file_name"), "..", "the path of a file is needed"),
        (("images", 0, "file_name"), "a/", "the path of a file is needed"),
        (("images", 0, "file_name"), "", "the path of a file is needed"),
        (("images", 0, "file_name"), "a\0.jpg", "the path of a file is needed"),
        (("images", 0, "file_name"), "/etc/passwd", "1 do not exist:\n.*val2017/passwd\n"),
        (("images", 0, "file_name"), "../../passwd", "1 do not exist:\n.*val2017/passwd\n"),
        (("images", 0, "file_name"), 7, "image 0: file_name is 7"),
        (("images", 0, "width"), 0, "width is 0, height 5"),
        (("images", 0, "width"), None, "width is None"),
        (("images", 0, "width"), 10**9, "has more than"),
        (("images", 0, "width"), 7, r"size \[5, 6\], the image of the file \[5, 7\]"),
        (("annotations", 0), 5, "annotation 0: image_id is None"),
        (("annotations", 0, "image_id"), 99, "annotation 0 has image_id 99"),
        (("annotations", 0, "category_id"), 8, r"annotation 0 .*category_id 8 is not in"),
        (("annotations", 0, "category_id"), True, "category_id is True"),
        (("annotations", 0, "category_id"), 10**30, "category_id 1000"),
        (("annotations", 0, "iscrowd"), 2, "iscrowd is 2"),
        (("annotations", 0, "segmentation"), "x", "its segmentation is 'x'"),
        (("annotations", 1, "segmentation", 0, 0), "x", "polygon 0 is"),
        (("annotations", 1, "segmentation", 0, 0), 1e8, "far outside the image of 6 x 5"),
    ],
)
def test_mistakes_in_the_file_are_named(tmp_path, path, value, message):
    file = plant(tmp_path) / "annotations/instances_val2017.json"
    written = json.loads(file.read_text())
    place = written
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    file.write_text(json.dumps(written))
    with pytest.raises(DataError, match=message):
        label_of(tmp_path)


@pytest.mark.parametrize("box", [None, [1, 2, 3], [0, 0, -1, 2], [0, 0, 10**90, 2], ["0"] * 4])
def test_boxes_are_checked_before_they_are_drawn(tmp_path, box):
    plant(tmp_path, annotations=[CAR, {**BOX, "bbox": box}])
    with pytest.raises(DataError, match="its bbox is"):
        label_of(tmp_path, boxes="ignored")
