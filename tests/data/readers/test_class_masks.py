"""One mask file a class: pairing by a template, codes, ignored pixels, and what is refused."""

import json

import numpy as np
import pytest

from seg.data.datasets.folder import Folder
from seg.data.fingerprint import fingerprint
from seg.dataset_tools.preview import write_page
from seg.dataset_tools.statistics import describe
from seg.dataset_tools.verify import verify
from seg.errors import ConfigError, DataError
from tests.data.overlapping_masks import save, write_overlapping

IMAGES, LABELS = "images/{split}/*.png", "masks/{split}/{class}/{stem}.png"
LEFT = np.array([[255, 255, 0, 0]] * 3, np.uint8)
MIDDLE = np.array([[0, 255, 255, 0]] * 3, np.uint8)
RIGHT = np.array([[0, 0, 0, 255]] * 3, np.uint8)
IMAGE = np.zeros((3, 4, 3), np.uint8)


def write(root, masks, images=("a", "a_b")):
    for name in images:
        save(root / "img" / f"{name}.png", IMAGE)
    for name, values in masks.items():
        save(root / "msk" / name, values)
    return root


def folder(root, labels="msk/{stem}_{class}.png", split="train", **options):
    options = {"val_fraction": 0.5, **options}
    return Folder(split=split, root=root, images="img/*.png", labels=labels, **options)


def both(root, **options):
    """The labels of both splits by the names of the samples."""
    sets = [folder(root, split=split, **options) for split in ("train", "val")]
    return {sample.name: sample.label.tolist() for each in sets for sample in each}


COMPLETE = {
    "a_left.png": LEFT,
    "a_middle.png": MIDDLE,
    "a_b_left.png": MIDDLE,
    "a_b_middle.png": 0 * LEFT,
}


def test_masks_of_classes_become_codes(tmp_path):
    write(tmp_path, COMPLETE)
    labels = both(tmp_path)
    assert labels == {"a": [[1, 3, 2, 0]] * 3, "a_b": [[0, 1, 1, 0]] * 3}
    space = folder(tmp_path).labels
    assert (space.mode, space.names, space.ignore_index) == ("multi_label", ("left", "middle"), 255)


def test_a_class_file_names_order_and_ignored_pixels(tmp_path):
    write(tmp_path, {**COMPLETE, "a_void.png": RIGHT})
    entries = [{"name": "middle"}, {"name": "left"}, {"name": "void", "ignore": True}]
    (tmp_path / "classes.json").write_text(json.dumps(entries))
    assert folder(tmp_path).labels.names == ("middle", "left")
    assert both(tmp_path) == {"a": [[2, 3, 1, 255]] * 3, "a_b": [[0, 2, 2, 0]] * 3}


def test_more_than_seven_classes_are_codes_of_16_bits(tmp_path):
    masks = {f"{c}/{name}.png": LEFT if c == "h" else MIDDLE for c in "abcdefgh" for name in "xy"}
    write(tmp_path, masks, images="xy")
    dataset = folder(tmp_path, "msk/{class}/{stem}.png")
    label = dataset[0].label
    assert (label.dtype, dataset.labels.ignore_index) == (np.uint16, 65535)
    assert label[0].tolist() == [128, 255, 127, 0]


def test_missing_masks_are_an_error_absent_or_left_out(tmp_path):
    masks = {f"{name}_{kind}.png": LEFT for name in "xyz" for kind in ("left", "middle")}
    write(tmp_path, {**masks, "a_left.png": LEFT}, images=("a", *"xyz"))
    missing = rf"1 masks do not exist: {tmp_path}/msk/a_middle.png\n.*unannotated=background"
    with pytest.raises(DataError, match=missing):
        both(tmp_path)
    assert both(tmp_path, unannotated="background")["a"] == [[1, 1, 0, 0]] * 3
    assert both(tmp_path, unannotated="exclude").keys() == set("xyz")
    write(tmp_path, {}, images="c")  # without any mask
    assert both(tmp_path, unannotated="background")["c"] == [[0] * 4] * 3
    options = {"split": "train", "root": tmp_path, "images": "img/*.png"}
    tolerant = Folder.tolerant(**options, labels="msk/{stem}_{class}.png")
    assert {each.path.name for each in tolerant.unmatched} == {"a_middle.png", "c.png"}


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        (np.array([[0, 7, 255, 0]] * 3, np.uint8), "3 values .0, 7, 255.; allowed: 0 outside"),
        (np.array([[1, 2, 2, 1]] * 3, np.uint8), "2 values .1, 2."),
        (np.zeros((3, 5), np.uint8), "differ in size"),
        (np.zeros((3, 4, 3)) + np.array([0, 1, 2]), "colors"),
    ],
)
def test_masks_that_are_none_are_refused(tmp_path, mask, reason):
    write(tmp_path, {**COMPLETE, "a_middle.png": mask.astype(np.uint8)})
    with pytest.raises(DataError, match=reason):
        both(tmp_path)


def test_templates_without_masks_or_images_are_refused(tmp_path):
    write(tmp_path, COMPLETE)
    with pytest.raises(DataError, match="no label of 2 images"):
        folder(tmp_path, "other/{stem}_{class}.png")
    with pytest.raises(ConfigError, match="it must say which"):
        folder(tmp_path, "msk/{class}.png")


def test_every_mask_file_decides_the_fingerprint(tmp_path):
    write(tmp_path, COMPLETE)
    before = [fingerprint(folder(tmp_path, split=split)) for split in ("train", "val")]
    save(tmp_path / "msk" / "a_b_middle.png", RIGHT)
    after = [fingerprint(folder(tmp_path, split=split)) for split in ("train", "val")]
    assert before != after


def test_sets_of_masks_are_verified_counted_and_shown(tmp_path):
    write_overlapping(tmp_path, train=4, val=2)
    dataset = Folder(split="train", root=tmp_path, images=IMAGES, labels=LABELS)
    report = verify(
        {"train": dataset}, {"train": ()}, num_workers=0, labels={"train": dataset.labels}
    )
    assert not report.faults
    masks = [dataset.labels.members[sample.label] for sample in dataset]
    statistics = describe(dataset, num_workers=0)
    assert statistics["classes"] == ["bar", "disk"]
    assert statistics["pixels"] == [int(np.sum([m[..., k].sum() for m in masks])) for k in (0, 1)]
    assert statistics["frequencies"] == pytest.approx(np.mean(masks, axis=(0, 1, 2)).tolist())
    write_page(tmp_path / "page.html", dataset, None, count=2, seed=0)
    assert "disk" in (tmp_path / "page.html").read_text()
