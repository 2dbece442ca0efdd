"""Names of images and labels that do not agree: patterns, and what is said without them."""

import re
import shlex
from pathlib import PurePosixPath

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.folder import Folder
from seg.data.readers.path_patterns import parse_pattern, suggested_patterns
from seg.errors import ConfigError, DataError

USUAL = (parse_pattern("images", "images"), parse_pattern("labels", "labels"))


def write(directory, *names):
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() in (".jpg", ".jpeg") or "rgb" in name:
            Image.new("RGB", (4, 3)).save(path)
        else:
            Image.fromarray(np.eye(3, 4, dtype=np.uint8)).save(path)
    return directory


def names_of(dataset):
    return [pair.name for pair in dataset.pairs]


@pytest.mark.parametrize(
    ("text", "path", "name"),
    [
        ("labels", "a.png", "a"),
        ("labels", "city/a.b.png", "city/a.b"),
        ("labels/*_mask", "city/a_mask.PNG", "city/a"),
        ("labels/*_mask.png", "a_mask.tif", None),
        ("labels/*_mask.png", "a.png", None),
        ("gt_*.png", "x/gt_a.png", "x/a"),
        ("scans/*/mask.png", "7/left/mask.png", "7/left"),
        ("*_mask.png", "_mask.png", None),
    ],
)
def test_a_star_stands_for_the_shared_name(text, path, name):
    assert parse_pattern(text, "dataset.labels").shared_name(PurePosixPath(path)) == name


@pytest.mark.parametrize("text", ["a/*_*.png", "../labels", "/labels", ""])
def test_patterns_that_cannot_be(text):
    with pytest.raises(ConfigError, match=r"dataset\.labels=") as caught:
        parse_pattern(text, "dataset.labels")
    assert "one * stands for the name" in str(caught.value)


@pytest.mark.parametrize(
    ("images", "labels", "options"),
    [
        (["a", "b"], ["a_mask", "b_mask"], ["'dataset.labels=labels/*_mask'"]),
        (["a_rgb", "b_rgb"], ["a", "b"], ["'dataset.images=images/*_rgb'"]),
        (
            ["img_1", "img_2", "img_7"],
            ["gt_1", "gt_2", "gt_7"],
            ["'dataset.images=images/img_*'", "'dataset.labels=labels/gt_*'"],
        ),
        (["tree_1", "tree_2"], ["task-4-x", "task-5-y"], []),
        (["a"], ["b"], []),
    ],
)
def test_the_option_that_pairs_names_is_suggested(images, labels, options):
    assert suggested_patterns(images, labels, USUAL) == options


@pytest.mark.parametrize("split", ["", "train/"])
def test_names_that_do_not_pair_are_counted_shown_and_the_remedy_works(tmp_path, split):
    for number in range(10):
        write(tmp_path, f"images/{split}IMG_{number}.JPG", f"labels/{split}IMG_{number}_mask.png")
    with pytest.raises(DataError, match="10 images and 10 labels do not pair up") as caught:
        Folder(split="train", root=tmp_path)
    message = str(caught.value)
    assert "IMG_2.JPG, ..." in message
    assert "IMG_2_mask.png, ..." in message
    assert len(message.splitlines()) <= 6
    typed = shlex.split(re.findall("give (.*)", message)[0])
    options = dict(option.removeprefix("dataset.").split("=", 1) for option in typed)
    assert len(Folder(split="train", root=tmp_path, **options)) == (10 if split else 9)


def test_names_that_no_pattern_pairs_name_a_table(tmp_path):
    write(tmp_path, "images/a.jpg", "images/b.jpg", "labels/task-1.png", "labels/task-2.png")
    with pytest.raises(DataError, match="dataset=csv"):
        Folder(split="train", root=tmp_path)


def test_other_directories_and_both_in_one(tmp_path):
    write(tmp_path / "apart", "imgs/train/x/a.jpg", "masks/train/x/a_m.png", "masks/train/b.png")
    options = {"images": "imgs", "labels": "masks/*_m.png"}
    assert names_of(Folder(split="train", root=tmp_path / "apart", **options)) == ["x/a"]
    together = write(tmp_path / "one", "train/a.jpg", "train/a_mask.png", "train/b.jpg")
    write(together, "train/b_mask.png")
    dataset = Folder(split="train", root=together, images=".", labels="*_mask.png")
    assert names_of(dataset) == ["a", "b"]
    assert dataset.pairs[0].image.name == "a.jpg"
    rgb = write(tmp_path / "rgb", "train/a_rgb.png", "train/a.png")
    dataset = Folder(split="train", root=rgb, images="*_rgb.png", labels="*.png")
    assert [(pair.image.name, pair.label.name) for pair in dataset.pairs] == [
        ("a_rgb.png", "a.png")
    ]
    with pytest.raises(ConfigError, match="are the same files"):
        Folder(split="train", root=rgb, images=".", labels=".")


def test_a_directory_a_sample(tmp_path):
    for name in ("p1", "p2/left"):
        write(tmp_path, f"scans/train/{name}/photo.jpg", f"scans/train/{name}/label.png")
    options = {"images": "scans/*/photo.jpg", "labels": "scans/*/label.png"}
    dataset = Folder(split="train", root=tmp_path, **options)
    assert names_of(dataset) == ["p1", "p2/left"]
