import json

import numpy as np
import pytest
from PIL import Image

from seg.data.labels import LabelSpace
from seg.data.sample import Sample
from seg.outputs.files import write_atomically, write_json
from seg.outputs.pictures import overlay, palette_image, prediction_grid, save_png

LABELS = LabelSpace.identity(("road", "sky"), ((10, 20, 30), (200, 100, 50)))


def test_a_failed_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "a" / "file"
    write_atomically(target, lambda file: file.write(b"old"))

    def fail(file):
        file.write(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(target, fail)
    assert target.read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]


def test_json_is_standard(tmp_path):
    write_json(tmp_path / "x.json", {"a": float("nan"), "b": 1.5, "c": float("inf")})
    assert json.loads((tmp_path / "x.json").read_text(), parse_constant=pytest.fail) == {
        "a": None,
        "b": 1.5,
        "c": None,
    }


def test_palette_png_keeps_ids_and_shows_colours(tmp_path):
    label = np.array([[0, 1], [1, 255]], np.uint8)
    save_png(tmp_path / "x.png", palette_image(label, LABELS))
    with Image.open(tmp_path / "x.png") as read:
        assert read.mode == "P"
        assert np.array_equal(np.asarray(read), label)
        assert np.array_equal(np.asarray(read.convert("RGB")), LABELS.colorize(label))


def test_overlay_blends():
    image = np.full((2, 2, 3), 100, np.uint8)
    label = np.zeros((2, 2), np.uint8)
    assert np.array_equal(np.asarray(overlay(image, label, LABELS, 0.0)), image)
    assert np.array_equal(np.asarray(overlay(image, label, LABELS, 1.0))[0, 0], (10, 20, 30))


def test_grid_marks_errors_red_and_ignored_black():
    label = np.zeros((40, 64), np.uint8)
    label[:, 32:] = 255
    prediction = np.zeros_like(label)
    prediction[:20] = 1
    sample = Sample("a", np.full((40, 64, 3), 9, np.uint8), label)
    grid = np.asarray(prediction_grid([sample], [prediction], LABELS))
    error = grid[18 : 18 + 40, 3 * 68 : 3 * 68 + 64]
    assert tuple(error[5, 5]) == (214, 39, 40)
    assert tuple(error[30, 5]) == (235, 235, 235)
    assert tuple(error[5, 50]) == (0, 0, 0)
