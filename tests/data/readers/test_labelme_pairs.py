"""Which image a JSON file of LabelMe belongs to: files as LabelMe 7 writes them."""

import json

import pytest
from PIL import Image

from seg.data.datasets.labelme import LabelMe
from seg.errors import DataError


def image(path, size=(4, 2)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (1, 2, 3)).save(path)


def annotation(path, image_path, label="car", size=(4, 2)):
    """A file of one shape in the keys and order of LabelMe 7.9.1."""
    shape = {"label": label, "points": [[0.0, 0.0], [1.0, 1.0]], "group_id": 3, "description": "",
             "shape_type": "rectangle", "flags": {"occluded": True}, "mask": None}  # fmt: skip
    content = {"version": "7.9.1", "flags": {"checked": False}, "shapes": [shape],
               "imagePath": image_path, "imageData": None, "imageHeight": size[1],
               "imageWidth": size[0]}  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2))


def pairs(root, split="train", **options):
    dataset = LabelMe(split=split, root=root, **options)
    return {
        pair.name: (
            pair.image.relative_to(root).as_posix(),
            pair.label.relative_to(root).as_posix(),
        )
        for pair in dataset.pairs
    }


@pytest.mark.parametrize("slash", ["/", "\\"])
def test_json_files_in_another_directory_name_their_images(tmp_path, slash):
    for split in ("train", "val"):
        for name in ("a", "7/a"):
            image(tmp_path / f"images/{split}/{name}.jpg")
            up = "../" * (2 + name.count("/"))
            path = f"{up}images/{split}/{name}.jpg".replace("/", slash)
            annotation(tmp_path / f"jsons/{split}/{name}.json", path)
    for split in ("train", "val"):
        assert pairs(tmp_path, split) == {
            name: (f"images/{split}/{name}.jpg", f"jsons/{split}/{name}.json")
            for name in ("a", "7/a")
        }
    dataset = LabelMe(split="val", root=tmp_path)
    assert dataset[0].label.tolist() == [[1, 1, 0, 0]] * 2
    with pytest.raises(DataError, match=r"/\*: no split 'test'; found: train, val"):
        LabelMe(split="test", root=tmp_path)


def test_images_beside_directories_of_annotations(tmp_path):
    for split in ("train", "val"):
        image(tmp_path / split / "images/a.png")
        annotation(tmp_path / split / "json/a.json", "../images/a.png")
    assert pairs(tmp_path, "val") == {"images/a": ("val/images/a.png", "val/json/a.json")}


def test_images_of_one_stem_keep_their_files_and_names(tmp_path):
    for suffix, label in (("jpg", "car"), ("png", "road")):
        image(tmp_path / f"train/x.{suffix}")
        stem = "x" if suffix == "jpg" else "x.png"  # as LabelMe names the second
        annotation(tmp_path / f"train/{stem}.json", f"x.{suffix}", label)
    assert pairs(tmp_path) == {
        "train/x.jpg": ("train/x.jpg", "train/x.json"),
        "train/x.png": ("train/x.png", "train/x.png.json"),
    }
    dataset = LabelMe(split="train", root=tmp_path, classes=["car", "road"])
    assert [int(sample.label[0, 0]) for sample in dataset] == [1, 2]


def test_image_path_goes_before_the_name_of_the_file(tmp_path):
    for name in ("a", "b"):
        image(tmp_path / f"train/{name}.jpg")
    annotation(tmp_path / "train/a.json", "b.jpg", "road")
    annotation(tmp_path / "train/b.json", "a.jpg", "car")
    assert pairs(tmp_path) == {
        "a": ("train/a.jpg", "train/b.json"),
        "b": ("train/b.jpg", "train/a.json"),
    }


@pytest.mark.parametrize(
    "recorded", ["C:\\Users\\me\\photos\\a.jpg", "/home/me/a.jpg", "../../../a.jpg", "A.JPG"]
)
def test_moved_files_are_paired_by_name(tmp_path, recorded):
    image(tmp_path.parent / "a.jpg")  # nothing outside of the root is read
    image(tmp_path / "train/a.jpg")
    annotation(tmp_path / "train/a.json", recorded)
    assert pairs(tmp_path) == {"a": ("train/a.jpg", "train/a.json")}


def test_mirrored_and_flat_directories_of_moved_files_are_paired_and_logged(tmp_path, caplog):
    for root, place in (("mirrored", "7/a"), ("flat", "a")):
        for name in ("7/a", "8/b"):
            image(tmp_path / root / f"imgs/{name}.jpg")
            file = name if root == "mirrored" else name[-1]
            annotation(tmp_path / root / f"anns/{file}.json", f"/gone/{name[-1]}.jpg")
        found = pairs(tmp_path / root) | pairs(tmp_path / root, "val")
        assert found["imgs/7/a"] == ("imgs/7/a.jpg", f"anns/{place}.json")
        assert len(found) == 2
    assert caplog.text.count("imagePath of 2 JSON files names no image that is there") == 2


def test_a_file_without_its_image_never_takes_that_of_another_directory(tmp_path):
    for name in ("7/a", "9/a"):
        image(tmp_path / f"train/{name}.jpg")
        annotation(tmp_path / f"train/{name}.json", "a.jpg")
    image(tmp_path / "train/8/b.jpg")
    annotation(tmp_path / "train/6/b.json", "b.jpg")
    with pytest.raises(DataError, match="1 images have no label") as caught:
        LabelMe(split="train", root=tmp_path)
    assert "1 labels have no image" in str(caught.value)
    dataset = LabelMe.tolerant(split="train", root=tmp_path)
    assert {each.path.name for each in dataset.unmatched} == {"b.jpg", "b.json"}


def test_a_json_file_outside_of_the_splits_without_image_is_an_error(tmp_path):
    image(tmp_path / "train/a.jpg")
    annotation(tmp_path / "anns/a.json", "../train/a.jpg")
    annotation(tmp_path / "anns/b.json", "../train/b.jpg")
    (tmp_path / "classes.json").write_text('["car"]')
    with pytest.raises(DataError, match=r"1 labels have no image: .*b\.json"):
        LabelMe(split="train", root=tmp_path)


def test_two_json_files_of_one_image_are_named(tmp_path):
    image(tmp_path / "train/a.jpg")
    annotation(tmp_path / "train/a.json", "a.jpg")
    annotation(tmp_path / "train/a (1).json", "a.jpg")
    with pytest.raises(DataError, match=r"a \(1\)\.json and train/a\.json annotate one image"):
        LabelMe(split="train", root=tmp_path)


def test_unannotated_images_are_background_or_left_out(tmp_path):
    image(tmp_path / "train/a.jpg")
    image(tmp_path / "train/b.jpg")
    annotation(tmp_path / "train/a.json", "a.jpg", "_background_")
    with pytest.raises(DataError, match="1 images have no label"):
        LabelMe(split="train", root=tmp_path, classes=["car"])
    dataset = LabelMe(split="train", root=tmp_path, classes=["car"], unannotated="background")
    assert [sample.label.tolist() for sample in dataset] == [[[0] * 4] * 2] * 2
    assert list(pairs(tmp_path, classes=["car"], unannotated="exclude")) == ["a"]


def test_a_root_of_json_files_alone_names_where_their_images_are(tmp_path):
    annotation(tmp_path / "anns/a.json", "../photos/a.jpg")
    with pytest.raises(DataError, match=r"1 JSON files: \.\./photos/a\.jpg"):
        LabelMe(split="train", root=tmp_path / "anns")


def test_another_size_than_the_image_has_is_an_error(tmp_path):
    image(tmp_path / "train/a.jpg", (5, 2))
    annotation(tmp_path / "train/a.json", "a.jpg")
    with pytest.raises(DataError, match="image and label differ in size"):
        LabelMe(split="train", root=tmp_path)[0]
