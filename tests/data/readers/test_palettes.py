"""Palettes whose colors have another order than the class file."""

import json
import logging

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.folder import Folder
from seg.data.fingerprint import fingerprint
from seg.errors import DataError

RED, GREEN, BLUE = [200, 0, 0], [0, 200, 0], [0, 0, 200]


@pytest.fixture
def plant(tmp_path):
    """A split of one label 0, 1, 2, 255 with a palette, and a class file."""

    def plant(palette, classes, indices=(0, 1, 2, 255)):
        label = np.array([indices], np.uint8)
        for kind in ("images", "labels"):
            (tmp_path / kind / "train").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", label.shape[::-1]).save(tmp_path / "images/train/a.png")
        file = Image.fromarray(label)
        # Pillow cuts indices to the bits that a short palette needs.
        filled = [*palette, *[[77, 77, 77]] * (256 - len(palette))]
        file.putpalette([share for color in filled for share in color])
        file.save(tmp_path / "labels/train/a.png")
        (tmp_path / "classes.json").write_text(json.dumps(classes))
        return tmp_path

    return plant


def names(dataset):
    label = dataset[0].label[0].tolist()
    return [dataset.labels.names[id_] if id_ != 255 else "ignored" for id_ in label]


@pytest.mark.parametrize("kind", ["auto", "colours"])
def test_another_order_is_read_by_color(plant, caplog, kind):
    root = plant([RED, GREEN, BLUE], {"blue": BLUE, "red": RED, "green": GREEN}, (0, 1, 2))
    with caplog.at_level(logging.INFO):
        dataset = Folder(split="train", root=root, label_kind=kind)
    assert names(dataset) == ["red", "green", "blue"]
    assert ("another order" in caplog.text) == (kind == "auto")


def test_255_stays_ignored_and_ids_go_by_index(plant):
    root = plant([RED, GREEN, BLUE], {"blue": BLUE, "red": RED, "green": GREEN})
    assert names(Folder(split="train", root=root)) == ["red", "green", "blue", "ignored"]
    by_index = Folder(split="train", root=root, label_kind="ids")
    assert names(by_index) == ["blue", "red", "green", "ignored"]
    assert fingerprint(by_index) != fingerprint(Folder(split="train", root=root))


def test_ids_of_the_class_file_are_meant_by_color(plant):
    entries = [("blue", 7, BLUE), ("red", 1000, RED), ("green", 0, GREEN)]
    table = [{"name": name, "id": id_, "color": color} for name, id_, color in entries]
    root = plant([RED, GREEN, BLUE], table)
    assert names(Folder(split="train", root=root)) == ["red", "green", "blue", "ignored"]


@pytest.mark.parametrize(
    ("palette", "remark"),
    [
        ([RED, GREEN, BLUE], ""),
        ([[1, 1, 1], [2, 2, 2], [3, 3, 3]], "3 of 3 colors of the palette"),
        ([[1, 1, 1], GREEN, BLUE], "1 of 3 colors of the palette"),
    ],
)
def test_the_same_order_goes_by_index_and_unrelated_colors_are_named(
    plant, caplog, palette, remark
):
    root = plant(palette, {"red": RED, "green": GREEN, "blue": BLUE})
    with caplog.at_level(logging.INFO):
        assert names(Folder(split="train", root=root)) == ["red", "green", "blue", "ignored"]
    assert remark in caplog.text
    assert ("its indices are read as ids" in caplog.text) == bool(remark)
    assert ("(#010101" in caplog.text) == bool(remark)


def test_unrelated_colors_of_indices_that_are_no_ids_are_refused_with_both(plant):
    root = plant([[1, 1, 1], [2, 2, 2], [3, 3, 3]], {"red": RED, "green": GREEN})
    with pytest.raises(DataError, match="neither the colors of its palette nor") as caught:
        Folder(split="train", root=root)[0]
    message = str(caught.value)
    assert "by its palette: 0 #010101, 1 #020202, 2 #030303" in message
    assert "0 red, 1 green" in message
    assert len(message.splitlines()) <= 6


def test_an_index_without_a_class_among_agreeing_colors_is_named_with_its_pixels(plant):
    root = plant([RED, GREEN, [3, 3, 3]], {"red": RED, "green": GREEN})
    with pytest.raises(DataError, match=r"2 \(1 pixels\)"):
        Folder(split="train", root=root)[0]


def test_half_a_contradiction_is_refused_with_both_orders(plant):
    root = plant([GREEN, RED, [9, 9, 9]], {"red": RED, "green": GREEN, "blue": BLUE})
    with pytest.raises(DataError, match="belong to other classes") as caught:
        Folder(split="train", root=root)[0]
    message = str(caught.value)
    assert "0 green, 1 red, 2 #090909" in message
    assert "0 red, 1 green, 2 blue" in message
    assert len(message.splitlines()) <= 6


def test_classes_without_colors_go_by_index(plant):
    root = plant([GREEN, RED, BLUE], ["red", "green", "blue"])
    assert names(Folder(split="train", root=root)) == ["red", "green", "blue", "ignored"]
