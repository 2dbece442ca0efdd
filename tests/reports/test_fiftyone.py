"""The directory holds labels and predictions in the values that FiftyOne expects."""

import ast
import json

import numpy as np
import pytest
from PIL import Image

import seg as package
from seg.data.datasets.streets import Streets
from seg.data.label_space import LabelSpace
from seg.data.sample import Sample
from seg.errors import DataError
from seg.reports.fiftyone import write_fiftyone
from tests.conftest import seg

LABELS = LabelSpace.identity(("a", "b", "c"), ((1, 0, 0), (0, 1, 0), (0, 0, 1)))


def test_masks_begin_at_one(tmp_path):
    label_HW = np.array([[0, 1, 2, 255]], np.uint8)
    sample = Sample("../x/é 1", np.full((1, 4, 3), 7, np.uint8), label_HW)
    assert write_fiftyone(tmp_path / "out", [(sample, label_HW[:, ::-1])], LABELS) == 1
    (image,) = (tmp_path / "out/data").iterdir()
    assert image.parent == tmp_path / "out/data" and image.suffix == ".png"
    masks = [
        np.asarray(Image.open(tmp_path / "out" / directory / image.name)).tolist()
        for directory in ("labels", "predictions")
    ]
    assert masks == [[[1, 2, 3, 0]], [[0, 3, 2, 1]]]
    classes = json.loads((tmp_path / "out/classes.json").read_text())
    assert classes == {"1": "a", "2": "b", "3": "c"}
    ast.parse((tmp_path / "out/open_in_fiftyone.py").read_text())


def test_a_full_folder_stays(tmp_path):
    (tmp_path / "kept.txt").write_text("x")
    with pytest.raises(DataError, match="not empty"):
        write_fiftyone(tmp_path, [], LABELS)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_the_command_exports_a_run(small_run, tmp_path):
    done = seg("report", str(small_run), "export=fiftyone", "output=out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    model = package.load_model(small_run)
    dataset = Streets(split="val", size=(64, 128), train_length=16, val_length=6)
    files = sorted((tmp_path / "out/data").iterdir())
    assert len(files) == len(dataset) == 6
    for index, path in enumerate(files):
        sample = dataset[index]
        assert np.array_equal(Image.open(path), sample.image)
        mask = np.asarray(Image.open(tmp_path / "out/predictions" / path.name))
        assert np.array_equal(mask, model.predict(sample.image) + 1)


def test_an_export_needs_a_folder_and_one_run(small_run, tmp_path):
    done = seg("report", str(small_run), "export=fiftyone", cwd=tmp_path)
    assert done.returncode == 2
    assert "output: missing" in done.stderr
