"""Layouts by two patterns: a glob of the images, and a template of their labels."""

import re
from pathlib import PurePosixPath

import numpy as np
import pytest
from PIL import Image

from seg.config.cli_overrides import quote_paths
from seg.config.error_messages import check_options
from seg.data.datasets.folder import Folder
from seg.data.readers.path_templates import TemplatePair
from seg.errors import ConfigError, DataError


def write(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() in (".jpg", ".jpeg"):
            Image.new("RGB", (4, 3)).save(path)
        else:
            Image.fromarray(np.eye(3, 4, dtype=np.uint8)).save(path)
    return root


def pairs(root, images, labels, split="train", **options):
    dataset = Folder(split=split, root=root, images=images, labels=labels, **options)
    return {
        pair.name: tuple(p.relative_to(root).as_posix() for p in (pair.image, pair.label))
        for pair in dataset.pairs
    }


def all_pairs(*arguments, **options):
    return pairs(*arguments, **options) | pairs(*arguments, split="val", **options)


@pytest.mark.parametrize(
    ("images", "labels", "image", "label"),
    [
        ("**/*.jpg", "masks/{stem}_mask.png", "x/a.jpg", "masks/a_mask.png"),
        ("**/*.jpg", "masks/{stem}_mask.png", "a.JPG", "masks/a_mask.png"),
        ("**/*.jpg", "masks/{path}.png", "x/y/a.jpg", "masks/x/y/a.png"),
        ("photos/**/*.jpg", "masks/{parent}/{stem}.png", "photos/x/a.jpg", "masks/x/a.png"),
        ("photos/**/*.jpg", "masks/{parent}/{stem}.png", "photos/a.jpg", "masks/a.png"),
        ("photos", "masks/{name}.png", "photos/x/a.b.jpg", "masks/a.b.jpg.png"),
        (".", "{path}_gt", "x/a.jpg", "x/a_gt"),
        ("s/*/photos/*.jpg", "s/{1}/masks/{2}.png", "s/7/photos/a.jpg", "s/7/masks/a.png"),
        ("**/photos/*.jpg", "{1}/masks/{stem}.png", "x/y/photos/a.jpg", "x/y/masks/a.png"),
        ("**/photos/*.jpg", "{1}/masks/{stem}.png", "photos/a.jpg", "masks/a.png"),
        ("{split}_in/*.jpg", "{split}_gt/{stem}.png", "val_in/a.jpg", "val_gt/a.png"),
        ("in/[ab]?.jpg", "gt/{stem}.png", "in/a1.jpg", "gt/a1.png"),
    ],
)  # fmt: skip
def test_the_template_gives_the_label_of_an_image(images, labels, image, label):
    pair = TemplatePair(images, labels)
    match = pair.match(PurePosixPath(image))
    assert match is not None
    assert str(match.label) == label


@pytest.mark.parametrize(
    ("images", "labels", "said"),
    [
        ("**/*.jpg", "masks/{steam}.png", "no field {steam}; allowed: {stem}"),
        ("**/*.jpg", "masks/{stem", "allowed: {stem}"),
        ("**/*.jpg", "masks/{stem!r}.png", "no field"),
        ("**/*.jpg", "masks/{stem}_*.png", r"\* beside fields"),
        ("**/*.jpg", "masks/{3}.png", r"no field \{3\}"),
        ("{split}/*.jpg", "masks/mask", "one file for all images"),
        ("**/*.jpg", "../masks/{stem}.png", "below dataset.root"),
        ("**/*.jpg", "/masks/{stem}.png", "below dataset.root"),
        ("{stem}/*.jpg", "masks/{stem}.png", "no field {stem}"),
    ],
)
def test_templates_that_cannot_be(images, labels, said):
    with pytest.raises(ConfigError, match=said) as caught:
        TemplatePair(images, labels)
    assert len(str(caught.value).splitlines()) <= 6


def test_nested_trees_of_equal_names_stay_apart(tmp_path):
    for place in ("7/a", "7/b", "8/a"):
        write(tmp_path, f"photos/{place}.jpg", f"masks/{place}_mask.png")
    assert all_pairs(tmp_path, "photos/**/*.jpg", "masks/{path}_mask.png") == {
        place: (f"photos/{place}.jpg", f"masks/{place}_mask.png") for place in ("7/a", "7/b", "8/a")
    }
    with pytest.raises(DataError, match="1 labels are each that of several images") as caught:
        write(tmp_path, "masks/a_mask.png")
        pairs(tmp_path, "photos/**/*.jpg", "masks/{stem}_mask.png")
    assert "masks/a_mask.png of photos/7/a.jpg, photos/8/a.jpg" in str(caught.value)


def test_images_that_differ_in_suffix_alone_keep_their_names(tmp_path):
    write(tmp_path, "in/a.jpg", "in/a.jpeg", "gt/a.jpg.png", "gt/a.jpeg.png")
    assert set(all_pairs(tmp_path, "in", "gt/{name}.png")) == {"in/a.jpg", "in/a.jpeg"}


@pytest.mark.parametrize(
    ("files", "images", "labels"),
    [
        ("in/$/#.jpg gt/$/#_m.png", "in/**/*.jpg", "gt/{parent}/{stem}_m.png"),
        ("$/in/#.jpg $/gt/#_m.png", "*/in/*.jpg", "{1}/gt/{stem}_m.png"),
        ("$_in/#.jpg $_gt/#.png", "{split}_in/*.jpg", "{split}_gt/{stem}.png"),
        ("$/#.jpg $/#.png", "**/*.jpg", "{path}.png"),
    ],
)
def test_splits_are_found_in_paths(tmp_path, files, images, labels):
    for split, names in (("train", "ab"), ("valid", "a")):
        for name in names:
            write(tmp_path, *(f.replace("$", split).replace("#", name) for f in files.split()))
    assert len(pairs(tmp_path, images, labels)) == 2
    (pair,) = pairs(tmp_path, images, labels, "val").values()
    assert all("valid" in path for path in pair)
    with pytest.raises(DataError, match="no split 'test'; found: train, valid"):
        pairs(tmp_path, images, labels, "test")


def test_labels_may_match_the_glob_and_have_any_suffix(tmp_path, caplog):
    write(tmp_path, "a.png", "a_mask.png", "b.png", "b_mask.tif", "thumbs/c.bmp")
    found = all_pairs(tmp_path, "*.png", "{stem}_mask")
    assert found == {"a": ("a.png", "a_mask.png"), "b": ("b.png", "b_mask.tif")}
    line = "not read: 1 image files that fit neither dataset.images nor dataset.labels: thumbs/c"
    assert caplog.text.count(line) == 1


def test_what_fits_nothing_is_counted(tmp_path):
    write(tmp_path, "in/a.jpg", "in/b.jpg", "gt/a.png")
    with pytest.raises(DataError, match="fits none of 3 image files") as caught:
        pairs(tmp_path, "photos/*.jpg", "gt/{stem}.png")
    assert "there are: in/a.jpg, in/b.jpg, gt/a.png" in str(caught.value)
    with pytest.raises(DataError, match="no label of 2 images in") as caught:
        pairs(tmp_path, "in/*.jpg", "gt/{stem}_mask.png")
    assert "looked for gt/a_mask.png of in/a.jpg" in str(caught.value)
    assert "fit neither pattern: gt/a.png" in str(caught.value)


def test_images_and_labels_without_partner_are_errors(tmp_path):
    write(tmp_path, "in/a.jpg", "in/b.jpg", "in/c.jpg", "gt/a.png", "gt/b.png", "gt/z.png")
    with pytest.raises(DataError, match=r"1 images have no label: .*c\.jpg") as caught:
        pairs(tmp_path, "in/*.jpg", "gt/{stem}.png")
    assert re.search(r"1 labels have no image: .*z\.png", str(caught.value))
    (tmp_path / "gt/z.png").unlink()
    assert len(all_pairs(tmp_path, "in/*.jpg", "gt/{stem}.png", unannotated="exclude")) == 2


def test_two_stars_mean_any_depth_where_one_does(tmp_path):
    write(tmp_path, "in/x/a.jpg", "in/b.jpg", "gt/x/a_m.png", "gt/b_m.png")
    assert set(all_pairs(tmp_path, "in/**/*.jpg", "gt/**/*_m.png")) == {"x/a", "b"}


def test_the_usual_layouts_are_found_and_logged(tmp_path, caplog):
    layouts = {
        "masks": ("images/#.jpg", "masks/#.png"),
        "mm": ("img_dir/train/#.jpg", "ann_dir/train/#.png"),
        "outer": ("train/images/x/#.jpg", "train/masks/x/#.png"),
        "beside": ("#.jpg", "#_mask.png"),
        "beside_split": ("train/7/#.jpg", "train/7/#_mask.png"),
    }
    caplog.set_level("INFO")
    for name, files in layouts.items():
        root = tmp_path / name
        for at in range(3):
            write(root, *(file.replace("#", str(at)) for file in files))
        dataset = Folder(split="train", root=root)
        assert len(dataset) == (2 if name in ("masks", "beside") else 3), name
        assert dataset[0].label.max() == 1
        assert f"{root}: read as with dataset.images=" in caplog.text
    write(tmp_path / "masks", "img_dir/0.jpg", "ann_dir/0.png")
    with pytest.raises(DataError, match="lie there otherwise"):  # two of them fit
        Folder(split="train", root=tmp_path / "masks")


def test_what_a_shell_made_of_a_pattern_says_to_quote_it(tmp_path):
    write(tmp_path, "a.jpg", "a_mask.png")
    with pytest.raises(ConfigError, match=r"in single quotes it stays: 'dataset.images=\*.jpg'"):
        Folder(split="train", root=tmp_path, images="a.jpg", labels="{stem}_mask.png")
    with pytest.raises(ConfigError, match=r"'dataset.labels=\{stem\}_mask.png'"):
        Folder(split="train", root=tmp_path, images="*.jpg", labels="stem_mask.png")
    with pytest.raises(ConfigError, match="did the shell expand a pattern"):
        check_options(["dataset.images=a/*.jpg", "dataset.images=b/*.jpg"], "train")
    check_options(["dataset.images=a/*.jpg", "dataset.images=a/*.jpg"], "train")


def test_typed_patterns_reach_the_dataset_as_they_are():
    typed = ["dataset.images=**/*.jpg", "dataset.labels=masks/{stem}_[ab].png"]
    assert quote_paths(typed) == [
        "dataset.images='**/*.jpg'",
        "dataset.labels='masks/{stem}_[ab].png'",
    ]
