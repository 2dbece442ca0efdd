"""Mapillary Vistas on small trees in the layouts of its three downloads."""

import json
import logging

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.mapillary_vistas import MapillaryVistas, label_space
from seg.errors import ConfigError, DataError


def label(name, readable, color, *, evaluate=True):
    return {
        "color": list(color),
        "instances": False,
        "readable": readable,
        "name": name,
        "evaluate": evaluate,
    }


# A few entries of the official tables.
BIRD = label("animal--bird", "Bird", (165, 42, 42))
ROAD = label("construction--flat--road", "Road", (128, 64, 128))
GROUND = label("void--ground", "Ground", (81, 0, 81), evaluate=False)
UNLABELED = label("void--unlabeled", "Unlabeled", (0, 0, 0), evaluate=False)
TABLES = {"v1.2": [BIRD, ROAD, UNLABELED], "v2.0": [BIRD, GROUND, ROAD, UNLABELED]}


def write_table(path, labels):
    path.write_text(json.dumps({"labels": labels, "version": "x", "mapping": "public"}))


def plant(root, layout):
    """`v1.2`: the first download; `v2.0`: the later one, with the labels of both versions."""
    folders = {"v1.2": "labels"} if layout == "v1.2" else {v: f"{v}/labels" for v in TABLES}
    for part, size in (("training", (4, 3)), ("validation", (2, 6))):
        (root / part / "images").mkdir(parents=True)
        Image.new("RGB", size, (9, 9, 9)).save(root / part / "images/__CRyFzo.jpg")
        for version, folder in folders.items():
            values = np.arange(12, dtype=np.uint8).reshape(size[::-1]) % len(TABLES[version])
            picture = Image.fromarray(values)
            picture.putpalette([x for each in TABLES[version] for x in each["color"]])
            (root / part / folder).mkdir(parents=True)
            picture.save(root / part / folder / "__CRyFzo.png")
    (root / "testing/images").mkdir(parents=True)
    for version in folders:
        name = "config.json" if layout == "v1.2" else f"config_{version}.json"
        write_table(root / name, TABLES[version])
    return root


@pytest.mark.parametrize("layout", ["v1.2", "v2.0"])
def test_version_1_2_of_either_download(tmp_path, caplog, layout):
    with caplog.at_level(logging.WARNING):
        dataset = MapillaryVistas(split="train", root=plant(tmp_path, layout), version="v1.2")
    assert "Mapillary Vistas train" in caplog.text
    assert "has 1 samples, the official split 18000" in caplog.text
    assert dataset.labels.names == ("Bird", "Road")
    assert dataset.labels.palette == ((165, 42, 42), (128, 64, 128))
    sample = dataset[0]
    assert sample.name == "__CRyFzo"
    assert sample.image.shape == (3, 4, 3)
    assert sample.label.ravel().tolist() == [0, 1, 255] * 4


def test_version_2_0(tmp_path):
    dataset = MapillaryVistas(split="val", root=plant(tmp_path, "v2.0"), version="v2.0")
    assert dataset.labels.names == ("Bird", "Road")
    assert dataset[0].label.shape == (6, 2)
    assert dataset[0].label.ravel().tolist() == [0, 255, 1, 255] * 3


def test_the_first_download_may_call_its_table_config_v1_2(tmp_path):
    plant(tmp_path, "v1.2")
    (tmp_path / "config.json").rename(tmp_path / "config_v1.2.json")
    assert MapillaryVistas(split="val", root=tmp_path).labels.num_classes == 2


def test_a_value_beyond_the_table_is_refused(tmp_path):
    plant(tmp_path, "v1.2")
    write_table(tmp_path / "config.json", [BIRD, ROAD])
    with pytest.raises(DataError, match=r"2 \(4 pixels\)"):
        MapillaryVistas(split="train", root=tmp_path)[0]


def test_wrong_choices_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"(?s)allowed: train, val.*not published"):
        MapillaryVistas(split="test", root=tmp_path)
    with pytest.raises(ConfigError, match=r"allowed: v1\.2, v2\.0"):
        MapillaryVistas(split="train", root=tmp_path, version="v1.1")


def test_what_is_missing_is_told(tmp_path):
    with pytest.raises(DataError, match="looked for: training/images"):
        MapillaryVistas(split="train", root=tmp_path)
    plant(tmp_path, "v1.2")
    with pytest.raises(DataError, match=r"(?s)training/v2\.0/labels.*dataset\.version"):
        MapillaryVistas(split="train", root=tmp_path, version="v2.0")
    (tmp_path / "config.json").unlink()
    with pytest.raises(DataError, match=r"config_v1\.2\.json or config\.json"):
        MapillaryVistas(split="train", root=tmp_path)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([{**BIRD, "color": [165, 42]}], r"labels\[0\]\.color: .* at least 3 items"),
        ([BIRD, {**ROAD, "color": [128, 64, 256]}], r"labels\[1\]\.color\[2\]: .* 255"),
        ([{**BIRD, "evaluate": "yes"}], r"labels\[0\]\.evaluate: .* boolean"),
        ([{"name": "animal--bird"}], r"labels\[0\]\.readable: Field required"),
        ([{}, {}], "and 3 more"),
        ({"0": BIRD}, "labels: .* list"),
        ([BIRD, BIRD], "'Bird' occurs twice"),
        ([UNLABELED], "0 classes"),
    ],
)
def test_a_wrong_table_is_told(tmp_path, labels, message):
    write_table(tmp_path / "config.json", labels)
    with pytest.raises(DataError, match=message) as caught:
        label_space(tmp_path / "config.json")
    assert str(caught.value).startswith(str(tmp_path / "config.json"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("{", "no valid JSON"),
        ("[]", "not the label table"),
        ('{"classes": []}', "labels: Field required"),
    ],
)
def test_a_file_that_is_no_table_is_told(tmp_path, content, message):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(DataError, match=message):
        label_space(tmp_path / "config.json")
