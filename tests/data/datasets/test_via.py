"""Files of the VGG Image Annotator: forms, images, classes and label maps."""

import logging

import pytest

from seg.data.datasets.via import Via
from seg.data.fingerprint import fingerprint
from seg.dataset_tools.verify import verify
from seg.errors import ConfigError, DataError
from tests.data.datasets.via_tree import (
    as_csv,
    entry,
    export,
    plant,
    polygon,
    project,
    project3,
    rect,
    region,
    with_another_image,
    write,
)

CAR = rect("car", 0, 0, 1, 1)


def drawn(root, **options):
    """The label of `1.png`."""
    for split in ("train", "val"):
        dataset = Via(split=split, root=root, **options)
        for at, pair in enumerate(dataset.pairs):
            if pair.name.endswith("1"):
                return dataset[at].label
    raise AssertionError("no image is called 1.png")


def one(tmp_path, *regions, **options):
    content = export(entry("1.png", *regions), entry("2.png", CAR))
    return drawn(plant(tmp_path, content), **options)


def test_regions_cover_the_pixels_whose_centres_lie_in_them_later_ones_on_top(tmp_path):
    label = one(
        tmp_path,
        rect("road", 0, 1, 8, 3),
        polygon("car", (1, 1), (5.6, 1), (3, 4.4)),
        region("circle", "car", cx=6.5, cy=1.5, r=1),
        region("ellipse", "car", cx=1, cy=4, rx=1, ry=2, theta=1.5707963),
        region("rect", "road", x=2.5, y=0.5, width=2, height=1),
    )
    assert label.tolist() == [
        [0, 0, 2, 2, 0, 0, 1, 0],
        [2, 1, 1, 1, 1, 1, 1, 1],
        [2, 2, 1, 1, 2, 2, 1, 2],
        [1, 1, 1, 1, 2, 2, 2, 2],
        [1, 1, 1, 0, 0, 0, 0, 0],
    ]


def test_the_smaller_region_may_lie_on_top(tmp_path):
    regions = rect("car", 0, 0, 1, 1), rect("bus", 1, 0, 1, 1), rect("road", 0, 0, 2, 1)
    assert one(tmp_path, *regions)[0, :2].tolist() == [3, 3]
    assert one(tmp_path, *regions, overlap_order="area")[0, :2].tolist() == [2, 1]


def test_a_polygon_that_winds_twice_is_filled_as_on_a_canvas(tmp_path):
    star = [(0, 0), (7, 0), (7, 5), (0, 5), (0, 0), (7, 0), (7, 5), (0, 5)]
    assert (one(tmp_path, polygon("car", *star))[:, :7] == 1).all()


def test_all_forms_are_the_same(tmp_path):
    entries = [entry("1.png", polygon("car", (1, 1), (5, 1), (3, 4)), rect("röad, 2", 4, 3, 3, 2)),
               entry("2.png", CAR)]  # fmt: skip
    first = drawn(plant(tmp_path / "json", export(*entries))).tolist()
    assert sum(map(sum, first)) > 10
    old = [each | {"regions": dict(enumerate(each["regions"]))} for each in entries]
    for number, (name, content) in enumerate(
        {"a.json": project(*entries), "old.json": export(*old), "a.csv": as_csv(*entries),
         "old.csv": as_csv(*entries, hash_sign="#")}.items()
    ):  # fmt: skip
        assert drawn(plant(tmp_path / str(number), content, name)).tolist() == first


def test_a_project_of_version_3_is_read(tmp_path):
    shapes = [([2, 0, 1, 8, 3], "2"), ([7, 1, 1, 5.6, 1, 3, 4.4], "1"), ([3, 6.5, 1.5, 1], "1"),
              ([4, 1, 4, 2, 1], "1"), ([8, 0, 0, 2, 0.2, 1, 0.5, 2, 1], "2"),
              ([9, 8, 3, 6, 3, 7, 4], "1"), ([], "1")]  # fmt: skip
    root = plant(tmp_path, with_another_image(project3(shapes)))
    assert Via(split="train", root=root).labels.names == ("background", "car", "road")
    assert drawn(root).tolist() == [
        [2, 2, 0, 0, 0, 0, 1, 0],
        [2, 1, 1, 1, 1, 1, 1, 1],
        [2, 2, 1, 1, 2, 2, 1, 1],
        [1, 1, 1, 1, 2, 2, 1, 1],
        [1, 1, 1, 0, 0, 0, 0, 0],
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (project3([([2, 0, 0, 1], "1")]), "a rect has 4 numbers, not 3"),
        (project3([([2, 0, 0, 1, 1], "1")], type=4), "its file is no image"),
        (project3([([2, 0, 0, 1, 1], "1,2")], {"type": 2}), r"one class is needed"),
        (project3([([9, 0, 0, 1, 1, 2, 2], "1")]), "three points lie on a line"),
        (project3([([12, 0, 0, 1, 1, 2, 2], "1"), ([2, 0, 0, 1, 1], "2")]), "1 'shape 12'"),
        (project3([([2, 0, 0, 1, 1], "1")]) | {"view": {}}, "its view is not in the project"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_project_of_version_3_is_named(tmp_path, content, message):
    content = with_another_image(content) if content["view"] else content
    with pytest.raises(DataError, match=message):
        drawn(plant(tmp_path, content))


def test_the_class_is_the_only_attribute_or_the_chosen_one(tmp_path):
    two = rect("car", 0, 0, 1, 1)
    two["region_attributes"]["color"] = "red"
    root = plant(tmp_path, export(entry("1.png", two), entry("2.png", CAR)))
    with pytest.raises(
        ConfigError, match=r"may be the class: type \(2\), color \(1\)\n.*class_attribute=KEY"
    ):
        drawn(root)
    assert drawn(root, class_attribute="type")[0, 0] == 1
    with pytest.raises(ConfigError, match=r"no region in .* has it; they have: type"):
        drawn(root, class_attribute="kind")
    with pytest.raises(DataError, match=r"region 0 \(rect\) has no color"):
        for split in ("train", "val"):
            Via(split=split, root=root, class_attribute="color")[0]
    options = {"class_attribute": "color", "default_class": "grey"}
    assert Via(split="train", root=root, **options).labels.names == ("background", "grey", "red")


def test_regions_without_attributes_get_the_default_class(tmp_path):
    root = plant(tmp_path, export(*(entry(f"{n}.png", rect(None, 0, 0, 2, 1)) for n in (1, 2))))
    with pytest.raises(ConfigError, match=r"dataset\.default_class=NAME"):
        drawn(root)
    assert drawn(root, default_class="balloon")[0].tolist() == [1, 1] + [0] * 6


def test_options_of_the_project_name_and_order_the_classes(tmp_path):
    entries = [entry("1.png", rect("2", 0, 0, 1, 1)), entry("2.png", rect({"1": True}, 0, 0, 1, 1))]
    root = plant(tmp_path, project(*entries, options={"3": "sky", "2": "car", "1": "bus"}))
    assert Via(split="train", root=root).labels.names == ("background", "sky", "car", "bus")
    assert drawn(root)[0, 0] == 2
    plant(root, project(*entries, options={"1": "same", "2": "same"}))
    assert Via(split="train", root=root).labels.names == ("background", "1", "2")
    plant(root, export(entry("1.png", rect({"1": True, "2": True}, 0, 0, 1, 1)), entries[1]))
    with pytest.raises(
        DataError, match=r"image '1\.png', region 0: type is .*; one class is needed"
    ):
        drawn(root)


def test_directories_are_splits_with_their_images(tmp_path):
    for split, label in (("train", "car"), ("val", "bus")):
        plant(tmp_path / split, export(entry("1.png", rect(label, 0, 0, 1, 1))), images=["1.png"])
    train, val = (Via(split=split, root=tmp_path) for split in ("train", "val"))
    assert train.labels.names == val.labels.names == ("background", "bus", "car")
    assert [pair.name for pair in val.pairs] == ["val/1"]
    assert (train[0].label[0, 0], val[0].label[0, 0]) == (2, 1)
    assert fingerprint(train) != fingerprint(Via(split="train", root=tmp_path, ignored=["bus"]))
    with pytest.raises(DataError, match="no split 'test'; found: train, val"):
        Via(split="test", root=tmp_path)
    (tmp_path / "val/more.csv").touch()
    with pytest.raises(DataError, match=r"2 annotation files: more\.csv, via_region_data\.json"):
        Via(split="train", root=tmp_path)


def test_files_are_splits_or_one_is_chosen(tmp_path, caplog):
    for name, image in (("train.json", "1.png"), ("val.json", "2.png")):
        plant(tmp_path / "a", export(entry(image, CAR)), name)
    assert [pair.name for pair in Via(split="val", root=tmp_path / "a").pairs] == ["2"]
    root = plant(tmp_path / "b", export(entry("1.png", CAR), entry("2.png", CAR)))
    plant(root, as_csv(), "older.csv", images=["3.png"])
    with pytest.raises(DataError, match=r"name it: dataset\.annotations=FILE"):
        drawn(root)
    with caplog.at_level(logging.WARNING):
        assert drawn(root, annotations="via_region_data.json").any()
    assert "1 files: 3.png" in caplog.text
    with pytest.raises(ConfigError, match="no such file"):
        drawn(root, annotations="other.json")


def test_images_are_found_by_the_ends_of_their_addresses(tmp_path):
    content = export(entry("https://example.org/a/1.png", CAR), entry("C:\\photos\\2.png", CAR))
    root = plant(tmp_path / "a", content, images=[])
    plant(root / "images", "", "notes.txt")
    assert drawn(root)[0, 0] == 1
    (root / "images").rename(root / "photographs")
    with pytest.raises(DataError, match="do not exist"):
        drawn(root)
    assert drawn(root, images="photographs")[0, 0] == 1
    plant(root, export(entry("../1.png", CAR)), images=[])
    with pytest.raises(DataError, match="below the directory of the images is needed"):
        drawn(root)
    plant(root, export(entry("1.png", CAR, size=3), entry("a/1.png", CAR)))
    with pytest.raises(DataError, match=r"image '1\.png' and image 'a/1\.png' are one file"):
        drawn(root)


def test_images_without_regions_are_an_error_background_or_left_out(tmp_path):
    entries = [entry(f"{n}.png", *([CAR] if n < 3 else [])) for n in (1, 2, 3)]
    root = plant(tmp_path, export(*entries), images=["1.png", "2.png", "3.png"])
    with pytest.raises(DataError, match=r"1 images have no label: .*3\.png"):
        drawn(root)
    for choice, number in (("background", 3), ("exclude", 2)):
        both = [Via(split=s, root=root, unannotated=choice) for s in ("train", "val")]
        assert sum(map(len, both)) == number


def test_regions_without_an_area_are_named_or_left_out(tmp_path):
    point = region("point", "car", cx=1, cy=1)
    with pytest.raises(DataError, match=r"image '1\.png': regions without an area: 1 'point'"):
        one(tmp_path, point, CAR)
    assert one(tmp_path, point, CAR, undrawn="exclude").sum() == 1


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (region("rect", "car", x=0, y=0, width="3", height=1), "width is '3'; numbers near"),
        (region("rect", "car", x=0, y=0, width=1e300, height=1), r"width is 1e\+300"),
        (region("circle", "car", cx=0, cy=0, r=float("inf")), "r is inf"),
        (polygon("car", (0, 0), (2, 2)), "3 points or more"),
        (region("polygon", "car", all_points_x=[0, 1, 2], all_points_y=[0, 1]), "same length"),
        (region("polygon", "car", all_points_x=[]), r"all_points_x is \[\]"),
    ],
)
def test_what_cannot_be_drawn_is_named_with_image_and_region(tmp_path, shape, message):
    with pytest.raises(DataError, match=rf"data\.json: image '1\.png', region 1 .*{message}"):
        one(tmp_path, CAR, shape)
    with pytest.raises(DataError, match=rf"data\.json: image '1\.png', region 1: .*{message}"):
        one(tmp_path, CAR, shape, overlap_order="area")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", {"images": [], "annotations": [], "categories": []}, "dataset=coco_instances"),
        ("a.json", {}, "lists no image"),
        ("a.json", {"1": {"filename": "1.png", "regions": [3]}}, "region 0: shape_attributes and"),
        ("a.csv", "image,label\n", "not a file of the VGG"),
        ("a.csv", as_csv() + "a,b.png,1,{},0,0,{},{}\n", "line 2: 8 cells instead of 7"),
        (
            "a.csv",
            as_csv() + '1.png,1,{},2,0,"{""name"": ""rect""}",{}\n',
            "region_count of '1.png'",
        ),
        ("a.csv", as_csv() + "1.png,1,{},1,0,{a,{}\n", "line 2: cell is damaged, no valid JSON"),
    ],
)
def test_other_and_damaged_files_are_refused(tmp_path, name, content, message):
    with pytest.raises(DataError, match=message):
        Via(split="train", root=plant(tmp_path, content, name))


def test_verify_names_faulty_regions_and_notes_those_without_pixels(tmp_path):
    tiny = rect("car", 0.1, 0.1, 0.2, 0.2)
    entries = [entry("1.png", CAR, tiny), entry("2.png", polygon("car", (0, 0), (1, 1)))]
    for split in ("train", "val"):
        plant(tmp_path / split, export(*entries))
    splits = {split: Via.tolerant(split=split, root=tmp_path) for split in ("train", "val")}
    report = verify(splits, {"train": (), "val": ()}, num_workers=0, near_duplicates=False)
    assert {(each.sample, each.kind) for each in report.faults} >= {("train/2", "annotation")}
    note = splits["train"].label_note(0)
    assert note == "1 shapes cover no pixel: image '1.png', region 1 ('car', rect)"


def test_a_project_of_all_kinds_of_regions(tmp_path):
    write(tmp_path)
    assert set(drawn(tmp_path).ravel().tolist()) == {0, 1, 2}
