"""Projects of Supervisely: datasets, splits, classes and label maps."""

import json
import logging

import pytest

from seg.data.datasets.supervisely import Supervisely
from seg.data.fingerprint import fingerprint
from seg.dataset_tools.verify import verify
from seg.errors import ConfigError, DataError
from tests.data.datasets.supervisely_tree import (
    annotation,
    bitmap,
    plant,
    plant_meta,
    polygon,
    rectangle,
    shape,
    write,
)

ROAD = polygon("road", (0, 1), (5, 1), (5, 3), (0, 3))
LINE = shape("any", "line", points={"exterior": [[0, 0], [3, 3]], "interior": []})


def one(tmp_path, *shapes, **options):
    """The label of an image of these shapes."""
    root = plant(plant_meta(tmp_path), "train", [annotation(*shapes)])
    return Supervisely(split="train", root=root, **options)[0].label


def names(root, split, **options):
    return [pair.name for pair in Supervisely(split=split, root=root, **options).pairs]


def test_later_objects_cover_earlier_ones(tmp_path):
    label = one(tmp_path, ROAD, bitmap("car", 1, 2), rectangle("any", 4, 0, 5, 1))
    assert label.tolist() == [
        [0, 0, 0, 0, 3, 3],
        [1, 1, 1, 1, 3, 3],
        [1, 2, 1, 2, 1, 1],
        [1, 1, 1, 1, 1, 1],
    ]


def test_classes_are_those_of_the_project_that_have_an_area(tmp_path):
    classes = [
        ("lane", "line", "#FFFFFF"),
        ("road", "polygon", "#804080"),
        ("old", "bitmap", "#111111"),
    ]
    root = plant(plant_meta(tmp_path, classes), "train", [annotation(ROAD)])
    labels = Supervisely(split="train", root=root).labels
    assert labels.names == ("background", "road", "old")
    assert labels.palette[1] == (0x80, 0x40, 0x80)
    listed = Supervisely(split="train", root=root, classes=["old", "road"])
    assert listed[0].label[3].tolist() == [2] * 6
    assert fingerprint(listed) != fingerprint(Supervisely(split="train", root=root))
    with pytest.raises(ConfigError, match=r"has no class rood\n  it has: lane, road, old"):
        Supervisely(split="train", root=root, classes=["rood"])
    with pytest.raises(DataError, match=r"labels that are no class: 'road' \(18 pixels\)"):
        Supervisely(split="train", root=root, classes=["old"])[0]


def test_the_background_of_the_conversion_to_masks_is_the_background(tmp_path):
    classes = [("__bg__", "bitmap", "#000000"), ("road", "polygon", "#804080")]
    content = annotation(ROAD, bitmap("__bg__", 0, 1))
    dataset = Supervisely(
        split="train", root=plant(plant_meta(tmp_path, classes), "train", [content])
    )
    assert dataset.labels.names == ("background", "road")
    assert dataset[0].label[1].tolist() == [0, 1, 0, 1, 1, 1]
    rest = Supervisely(split="train", root=tmp_path, unlabelled="ignored")
    assert rest[0].label[:2].tolist() == [[255] * 6, [0, 1, 0, 1, 1, 1]]


def test_datasets_are_splits_and_nest(tmp_path):
    root = plant_meta(tmp_path)
    for dataset in ("train", "day/datasets/validation", "day/datasets/validation/datasets/more"):
        plant(root, dataset, [annotation(ROAD)])
    assert names(root, "train") == ["train/1"]
    assert names(root, "val") == ["day/validation/1", "day/validation/more/1"]
    with pytest.raises(DataError, match="no split 'test'; found: train, validation"):
        names(root, "test")


def test_tags_are_splits_and_untagged_images_are_logged(tmp_path, caplog):
    contents = [annotation(ROAD, tags=tags) for tags in (["train"], ["val", "sunny"], [])]
    root = plant(plant_meta(tmp_path), "a", contents)
    with caplog.at_level(logging.WARNING):
        assert names(root, "train") == ["a/1"]
    assert "1 images belong to no split by their tags and are not read: a/3.jpg" in caplog.text
    assert names(root, "val") == ["a/2"]
    with pytest.raises(DataError, match=r"no split 'test'(?s:.*)dataset\.split_by=fraction"):
        names(root, "test")
    assert len(names(root, "train", split_by="fraction")) == 2
    plant(root, "a", [annotation(ROAD, tags=["train", "val"])])
    with pytest.raises(DataError, match=r"a/1\.jpg belongs to several splits by its tags"):
        names(root, "train")


def test_where_datasets_and_tags_are_called_like_splits_one_is_chosen(tmp_path):
    root = plant_meta(tmp_path)
    plant(root, "train", [annotation(ROAD, tags=["train"]), annotation(ROAD, tags=["val"])])
    plant(root, "val", [annotation(ROAD, tags=["val"])])
    with pytest.raises(ConfigError, match=r"dataset\.split_by=datasets, or tags"):
        names(root, "val")
    assert names(root, "val", split_by="datasets") == ["val/1"]
    assert names(root, "val", split_by="tags") == ["train/2", "val/1"]


def test_images_without_shapes_are_an_error_background_or_left_out(tmp_path):
    root = plant(plant_meta(tmp_path), "train", [annotation(ROAD), annotation(), None])
    with pytest.raises(DataError, match=r"2 images have no label: .*2\.jpg"):
        names(root, "train")
    assert names(root, "train", unannotated="exclude") == ["train/1"]
    whole = Supervisely(split="train", root=root, unannotated="background")
    assert [int(whole[at].label.sum()) for at in range(3)] == [18, 0, 0]
    assert whole.label_note(1) == ""


def test_shapes_without_an_area_are_named_or_left_out(tmp_path):
    with pytest.raises(DataError, match=r"shapes without an area: 1 'line'; allowed: polygon"):
        one(tmp_path, ROAD, LINE)
    assert one(tmp_path, ROAD, LINE, undrawn="exclude").sum() == 18
    assert one(tmp_path, ROAD, shape("any", "ellipse"), undrawn="exclude").sum() == 18
    plant(tmp_path, "train", [annotation(ROAD), annotation(LINE)])
    with pytest.raises(DataError, match="1 images have no label"):
        names(tmp_path, "train", undrawn="exclude")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (annotation(rectangle("road", 0, 0, 1, 1)), "object 0 is of the kind 'rectangle', and its"),
        (annotation(polygon("", (0, 0), (1, 1), (2, 0))), "object 0 has no classTitle"),
        (annotation(ROAD) | {"size": {"height": 4, "width": None}}, "size is {'height': 4"),
        (annotation(ROAD, size=(10**5, 10**5)), "more than 89478485 pixels"),
        (annotation(ROAD, size=(6, 5)), "image and label differ in size"),
        (annotation(polygon("road", (0, 0), (2, 2))), r"object 0 \('road', polygon\): 3 points"),
        (annotation(ROAD) | {"objects": {}}, "no list 'objects'"),
        ([], "no list 'objects'"),
    ],
)
def test_what_cannot_be_drawn_is_named(tmp_path, content, message):
    root = plant(plant_meta(tmp_path), "train", [content])
    with pytest.raises(DataError, match=message):
        Supervisely(split="train", root=root)[0]


def test_other_files_are_no_project(tmp_path):
    with pytest.raises(DataError, match=r"looked for: meta\.json"):
        names(tmp_path, "train")
    with pytest.raises(DataError, match="no dataset: no directory holds ann/"):
        names(plant_meta(tmp_path), "train")
    with pytest.raises(DataError, match="projectType is 'videos'"):
        names(plant_meta(tmp_path, projectType="videos"), "train")
    with pytest.raises(DataError, match="class 'a' occurs 2 times"):
        names(plant_meta(tmp_path, [("a", "any", "#111111")] * 2), "train")
    (tmp_path / "meta.json").write_text(json.dumps({"classes": [{"title": "a", "color": "red"}]}))
    with pytest.raises(DataError, match=r"class 0 \('a'\): color is 'red'"):
        names(tmp_path, "train")
    (tmp_path / "meta.json").write_text("[]")
    with pytest.raises(DataError, match="not a project of Supervisely"):
        names(tmp_path, "train")


def test_names_of_annotations_are_those_of_new_and_of_old_projects(tmp_path):
    root = plant(plant_meta(tmp_path), "train", [annotation(ROAD)], name="{}.json")
    assert names(root, "train") == ["train/1"]
    (root / "train/img/1.png").write_bytes((root / "train/img/1.jpg").read_bytes())
    with pytest.raises(DataError, match=r"1\.json fits two images: 1\.jpg and 1\.png"):
        names(root, "train")
    plant(root, "a", [annotation(ROAD)])
    plant(root, "b/datasets/a", [annotation(ROAD)])
    plant(root, "b/a", [annotation(ROAD)])
    (root / "train/img/1.png").unlink()
    with pytest.raises(DataError, match="are both the dataset b/a"):
        names(root, "train")


def test_verify_names_faults_and_notes_shapes_without_pixels(tmp_path):
    write(tmp_path)
    (tmp_path / "train/ann/2.jpg.json").write_text('{"size": 1,\n"objects": [}')
    (tmp_path / "val/img/1.jpg").unlink()
    content = annotation(ROAD, rectangle("any", 7, 0, 9, 1))
    (tmp_path / "val/ann/2.jpg.json").write_text(json.dumps(content))
    splits = {name: Supervisely.tolerant(split=name, root=tmp_path) for name in ("train", "val")}
    unmatched = {name: dataset.unmatched for name, dataset in splits.items()}
    report = verify(splits, unmatched, num_workers=0, near_duplicates=False)
    faults = {(fault.sample, fault.kind) for fault in report.faults}
    assert faults >= {("train/2", "damaged"), ("", "no_partner")}
    assert splits["val"].label_note(0) == "1 shapes cover no pixel: object 1 ('any', rectangle)"
    with pytest.raises(DataError, match="line 2"):
        splits["train"][1]
