"""Exports of Label Studio: tasks, images, classes and label maps."""

import json
import logging

import numpy as np
import pytest

from seg.data.datasets.label_studio import LabelStudio
from seg.data.fingerprint import fingerprint
from seg.dataset_tools.verify import verify
from seg.errors import ConfigError, DataError
from tests.data.datasets.label_studio_tree import (
    annotation,
    plant,
    rectangle,
    region,
    stroke,
    task,
)

BAR = np.zeros((5, 10), int)
BAR[1, 2:5] = 255


def drawn(root, **options):
    """The label of the only task in `train`."""
    datasets = [LabelStudio(split=split, root=root, **options) for split in ("train", "val")]
    by_name = {dataset.pairs[at].name: dataset[at].label for dataset in datasets
               for at in range(len(dataset))}  # fmt: skip
    return by_name["1"]


def one(tmp_path, *regions, **options):
    others = annotation(rectangle("car", 0, 0, 1, 1), rectangle("road", 1, 0, 1, 1))
    return drawn(plant(tmp_path, [task(1, annotation(*regions)), task(2, others)]), **options)


def test_later_results_cover_earlier_ones(tmp_path):
    label = one(
        tmp_path,
        rectangle("road", 0, 0, 4, 3),
        region("brush", "car", format="rle", rle=stroke(BAR)),
        region("polygon", "road", points=[[80, 0], [100, 0], [100, 100], [80, 100]]),
    )
    assert label.tolist() == [
        [2, 2, 2, 2, 0, 0, 0, 0, 2, 2],
        [2, 2, 1, 1, 1, 0, 0, 0, 2, 2],
        [2, 2, 2, 2, 0, 0, 0, 0, 2, 2],
        [0, 0, 0, 0, 0, 0, 0, 0, 2, 2],
        [0, 0, 0, 0, 0, 0, 0, 0, 2, 2],
    ]


def test_rectangles_turn_in_pixels_and_ellipses_around_their_centre(tmp_path):
    turned = rectangle("car", 4, 1, 3, 2, rotation=90)  # leftwards and down from (4, 1)
    disc = region("ellipse", "road", x=75, y=50, radiusX=5, radiusY=30, rotation=90)
    assert one(tmp_path, turned, disc).tolist() == [
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 1, 1, 0, 0, 0, 0, 0, 0],
        [0, 0, 1, 1, 0, 0, 2, 2, 2, 0],
        [0, 0, 1, 1, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ]


def test_soft_edges_belong_to_a_stroke_unless_a_threshold_is_set(tmp_path):
    soft = BAR.copy()
    soft[1, 2], soft[1, 5] = 100, 1
    shape = region("brush", "car", format="rle", rle=stroke(soft))
    assert one(tmp_path, shape)[1].tolist() == [0, 0, 1, 1, 1, 1, 0, 0, 0, 0]
    assert one(tmp_path, shape, brush_threshold=128)[1].tolist() == [0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    with pytest.raises(ConfigError, match="allowed: 1 to 255"):
        one(tmp_path, shape, brush_threshold=0)


def test_a_label_that_is_a_result_of_its_own_is_joined_with_its_shape(tmp_path):
    shape = rectangle("car", 0, 0, 2, 1) | {"type": "rectangle"}
    del shape["value"]["rectanglelabels"]
    label = shape | {"type": "labels", "value": {**shape["value"], "labels": ["car"]}}
    answer = shape | {"type": "choices", "value": {"choices": ["good"]}}
    assert one(tmp_path, shape, label, answer)[0].tolist() == [1, 1] + [0] * 8
    with pytest.raises(DataError, match="no label where one is needed"):
        one(tmp_path, shape)


def small(number, *regions, id_=7):
    """A record of JSON-MIN, which has no types and no ids of regions."""
    shapes = [{**each["value"], "original_width": 10, "original_height": 5} for each in regions]
    return {"image": f"/data/local-files/?d=photos%2F{number}.png", "id": number, "tag": shapes,
            "quality": "good", "annotator": 1, "annotation_id": id_, "lead_time": 2.5,
            "created_at": f"2026-01-02T03:04:0{id_}Z"}  # fmt: skip


def test_json_min_is_the_same(tmp_path):
    regions = (
        rectangle("road", 0, 0, 4, 3),
        region("brush", "car", format="rle", rle=stroke(BAR)),
    )
    full = one(tmp_path / "full", *regions)
    records = [small(1, *regions), small(2, rectangle("car", 0, 0, 1, 1))]
    root = plant(tmp_path / "small", records)
    assert drawn(root).tolist() == full.tolist()
    records.append(small(1, rectangle("road", 0, 0, 1, 1), id_=9))
    plant(root, records, images=())
    assert drawn(root, several="newest")[0].tolist() == [2] + [0] * 9


def test_of_several_annotations_the_newest_counts_if_that_is_chosen(tmp_path):
    car, road = (annotation(rectangle(name, 0, 0, 1, 1), created=f"2026-01-0{day}T00:00:00Z")
                 for name, day in (("car", 2), ("road", 1)))  # fmt: skip
    cancelled = annotation(rectangle("bus", 0, 0, 1, 1), cancelled=True)
    root = plant(tmp_path, [task(1, car, road, cancelled), task(2, car), task(3, cancelled)])
    with pytest.raises(DataError, match=r"task 1 has 2 annotations(?s:.*)dataset\.several=newest"):
        LabelStudio(split="train", root=root)
    assert drawn(root, several="newest")[0, 0] == 1
    assert LabelStudio(split="train", root=root, several="newest").labels.names == (
        "background", "car", "road")  # fmt: skip
    car["created_at"] = None
    plant(root, [task(1, car, road), task(2, car)], images=())
    with pytest.raises(DataError, match="'created_at' does not say"):
        drawn(root, several="newest")


def test_tasks_without_annotation_are_an_error_background_or_left_out(tmp_path):
    tasks = [task(n, annotation(rectangle("car", 0, 0, 1, 1))) for n in (1, 2)]
    root = plant(tmp_path, [*tasks, task(3), task(4, annotation())])
    with pytest.raises(DataError, match=r"1 images have no label: .*3\.png"):
        LabelStudio(split="train", root=root)
    for choice, number in (("background", 4), ("exclude", 3)):
        options = {"root": root, "unannotated": choice, "val_fraction": 0.25}
        both = [LabelStudio(split=split, **options) for split in ("train", "val")]
        assert sum(map(len, both)) == number
        pixels = sum(int((each[at].label > 0).sum()) for each in both for at in range(len(each)))
        assert pixels == 2


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("/data/upload/3/0f1e2d3c-a%20b.png", "a b.png"),
        ("/data/upload/3/0f1e2d3c-a.png", "images/0f1e2d3c-a.png"),
        ("/data/local-files/?d=one%2Ftwo/a.png", "two/a.png"),
        ("s3://bucket/one/two/a.png", "one/two/a.png"),
        ("https://example.org/one/a.png?token=1", "a.png"),
        ("two\\a.png", "two/a.png"),
    ],
)
def test_images_are_found_by_the_ends_of_their_addresses(tmp_path, address, place):
    car = annotation(rectangle("car", 0, 0, 1, 1))
    root = plant(tmp_path, [task(1, car, image=address), task(2, car)])
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / "1.png").rename(root / place)
    datasets = [
        LabelStudio(split=split, root=root, image_key="image") for split in ("train", "val")
    ]
    assert {str(pair.image) for each in datasets for pair in each.pairs} == {
        str(root / place), str(root / "2.png")}  # fmt: skip


@pytest.mark.parametrize("address", ["/data/local-files/?d=../1.png", "../1.png", None, ["1.png"]])
def test_addresses_that_leave_the_root_or_are_none_are_refused(tmp_path, address):
    car = annotation(rectangle("car", 0, 0, 1, 1))
    root = plant(tmp_path, [task(1, car) | {"data": {"image": address}}, task(2, car)])
    with pytest.raises(DataError, match="task 1: its image is"):
        LabelStudio(split="train", root=root)


def test_files_of_splits_share_their_classes(tmp_path):
    plant(tmp_path, [task(1, annotation(rectangle("car", 0, 0, 1, 1)))], "train.json")
    plant(tmp_path, [task(2, annotation(rectangle("bus", 0, 0, 1, 1)))], "val.json", images=[2])
    train, val = (LabelStudio(split=split, root=tmp_path) for split in ("train", "val"))
    assert train.labels == val.labels
    assert (train.labels.names, val[0].label[0, 0]) == (("background", "bus", "car"), 1)
    listed = LabelStudio(split="train", root=tmp_path, classes=["car", "bus"])
    assert listed[0].label[0, :2].tolist() == [1, 0]
    with pytest.raises(DataError, match=r"labels that are no class: 'car' \(1 pixels\)"):
        LabelStudio(split="train", root=tmp_path, classes=["bus"])[0]
    assert fingerprint(train) != fingerprint(listed)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (region("keypoint", "car", x=1, y=1), "type is 'keypointlabels', which is not drawn"),
        (rectangle("car", 0, 0, 1, 1) | {"image_rotation": 90}, "turned by 90 degrees"),
        (rectangle("car", 0, 0, 1, 1) | {"original_width": 1.5}, "original_width is 1.5"),
        (rectangle("car", 0, 0, 1, 1) | {"original_width": {}}, "original_width is {}"),
        (region("rectangle", "car", x=0, y=0, width=1, height="x"), "height is 'x'"),
        (region("polygon", "car", points=[[1, 1], [2, 2]]), "3 points or more"),
        (region("polygon", "car", points=[[1, 1], [9, 2], [2, 9]], closed=False), "not closed"),
        (region("brush", "car", rle=[0, 0, 0, 100]), "has 100 values, and the image 50 pixels"),
        (region("brush", "car", rle=stroke(BAR)[:9]), "ends early"),
        (region("brush", "car", rle="text"), "no list of bytes"),
        (region("rectangle", "car", x=0, y=0, width=1, height=1)
         | {"value": {"x": 0, "y": 0, "width": 1, "height": 1, "rectanglelabels": ["a", "b"]}},
         "has 2 labels"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_named_with_its_task_and_result(tmp_path, shape, message):
    with pytest.raises(DataError, match=f"task 1.*result 0.*{message}"):
        one(tmp_path, shape)


def test_types_may_be_left_out(tmp_path):
    shapes = (region("keypoint", "nose", x=1, y=1), rectangle("car", 0, 0, 1, 1))
    assert one(tmp_path, *shapes, exclude_types=["keypointlabels"])[0, 0] == 1


def test_masks_alone_are_refused_with_the_export_that_holds_all(tmp_path):
    (tmp_path / "task-1-annotation-2-by-3-tag-car-0.png").touch()
    with pytest.raises(DataError, match=r"1 masks of Label(?s:.*)export the project as JSON"):
        LabelStudio(split="train", root=tmp_path)


@pytest.mark.parametrize(
    "content", [{}, [], [1], [{"id": 1}], [{"id": 1, "data": {}, "annotations": [2]}]]
)
def test_other_json_is_refused(tmp_path, content):
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"a\.json.*not an export of Label Studio"):
        LabelStudio(split="train", root=tmp_path)


def test_two_tasks_of_one_image_are_refused(tmp_path):
    car = annotation(rectangle("car", 0, 0, 1, 1))
    root = plant(tmp_path, [task(1, car), task(2, car, image="/data/upload/1/11111111-1.png")])
    with pytest.raises(DataError, match="task 1 and task 2 are of one image"):
        LabelStudio(split="train", root=root)


def test_of_several_keys_of_images_one_is_chosen(tmp_path):
    car = annotation(rectangle("car", 0, 0, 1, 1))
    tasks = [task(n, car) | {"data": {"a": f"{n}.png", "b": f"{3 - n}.png"}} for n in (1, 2)]
    root = plant(tmp_path, tasks)
    with pytest.raises(ConfigError, match="a, b hold image files"):
        LabelStudio(split="train", root=root)
    assert drawn(root, image_key="b")[0, 0] == 1
    with pytest.raises(ConfigError, match=r"no task of .* has it; their data have: a, b"):
        LabelStudio(split="train", root=root, image_key="c")


def test_of_several_files_one_is_chosen(tmp_path):
    tasks = [task(n, annotation(rectangle("car", 0, 0, 1, 1))) for n in (1, 2)]
    plant(plant(tmp_path, tasks), [task(1)], "older.json")
    with pytest.raises(DataError, match=r"2 JSON files: export\.json, older\.json"):
        LabelStudio(split="train", root=tmp_path)
    assert drawn(tmp_path, annotations="export.json")[0, 0] == 1


def test_verify_names_faulty_tasks_and_other_sizes(tmp_path):
    car = annotation(rectangle("car", 0, 0, 1, 1))
    other = annotation(region("rectangle", "car", (20, 10), x=0, y=0, width=50, height=50))
    root = plant(tmp_path, [task(n, car) for n in range(1, 7)])
    plant(root, [task(1, car, car), task(2, other), task(9, car),
                 *(task(n, car) for n in range(3, 7))], images=())  # fmt: skip
    splits = {
        split: LabelStudio.tolerant(split=split, root=root, val_fraction=0.3)
        for split in ("train", "val")
    }
    unmatched = {split: dataset.unmatched for split, dataset in splits.items()}
    report = verify(splits, unmatched, num_workers=0, near_duplicates=False)
    assert {(fault.sample, fault.kind) for fault in report.faults} >= {
        ("1", "annotation"), ("2", "size_mismatch"), ("", "no_partner")}  # fmt: skip


def test_shapes_that_cover_no_pixel_are_noted(tmp_path):
    shapes = (rectangle("car", 0.1, 0.1, 0.2, 0.2), rectangle("car", 3, 3, 2, 1))
    root = plant(tmp_path, [task(n, annotation(*shapes)) for n in (1, 2)])
    dataset = LabelStudio(split="train", root=root)
    note = dataset._read.note(dataset.pairs[0].label)
    assert note == "1 shapes cover no pixel: result 0 ('car')"


def test_images_of_no_task_are_logged(tmp_path, caplog):
    root = plant(tmp_path, [task(n, annotation(rectangle("car", 0, 0, 1, 1))) for n in (1, 2)])
    plant(tmp_path, [], "classes.json", images=[8])
    with caplog.at_level(logging.WARNING):
        LabelStudio(split="train", root=root)
    assert "1 files: 8.png" in caplog.text
