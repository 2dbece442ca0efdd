"""Where the files of COCO instances lie in the exports of tools."""

import logging

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.coco_instances import CocoInstances
from seg.errors import ConfigError, DataError
from tests.data.datasets import coco_exports
from tests.data.datasets.coco_tree import CAR, POSITIONS, plant

pytest.importorskip("pycocotools", reason="needs the extra coco")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NOTHING = np.zeros((5, 6)).tolist()


def labels_of(dataset):
    return [dataset.read_label(index).tolist() for index in range(len(dataset))]


def label_of(root, **options):
    return CocoInstances(split="val", root=root, **options)[0].label.tolist()


@pytest.mark.parametrize(
    ("file", "images"),
    [
        ("annotations/instances_val2017.json", "val2017"),
        ("annotations/instances_val2017.json", "images/val2017"),
        ("annotations/instances_val2014.json", "val2014"),
        ("valid/_annotations.coco.json", "valid"),  # Roboflow
        ("annotations/instances_Validation.json", "images/Validation"),  # CVAT, Datumaro
        ("annotations/instances_val.json", "images"),
    ],
)
def test_layouts_of_exports_are_found(tmp_path, file, images):
    dataset = CocoInstances(split="val", root=plant(tmp_path, file, images))
    assert labels_of(dataset) == [POSITIONS, NOTHING]
    with pytest.raises(DataError, match="no split 'train'; found: "):
        CocoInstances(split="train", root=tmp_path)


@pytest.mark.parametrize(
    ("file", "images", "names"),
    [
        ("annotations/instances_default.json", "images/default", ("a.jpg", "clip/b.jpg")),  # CVAT
        ("annotations/instances_default.json", "images", ("a.jpg", "b.jpg")),
        ("result.json", "", ("images/a.jpg", "images/b.jpg")),  # Label Studio
        ("result.json", "", ("images\\a.jpg", "images\\b.jpg")),
    ],
)
def test_one_file_is_split_by_name(tmp_path, file, images, names):
    plant(tmp_path, file, images, names=names)
    for image in tmp_path.rglob("*\\*"):
        (tmp_path / "images").mkdir(exist_ok=True)
        image.rename(tmp_path / image.name.replace("\\", "/"))
    splits = [CocoInstances(split=each, root=tmp_path, val_fraction=0.5) for each in
              ("train", "val")]  # fmt: skip
    drawn = {name: label for each in splits for name, label in
             zip([pair.name for pair in each.pairs], labels_of(each), strict=True)}  # fmt: skip
    stems = [name.replace("\\", "/").removesuffix(".jpg") for name in names]
    assert drawn == {stems[0]: POSITIONS, stems[1]: NOTHING}
    with pytest.raises(ConfigError, match="not split"):
        CocoInstances(split="test", root=tmp_path)


def letters(dataset, name):
    (index,) = [at for at, pair in enumerate(dataset.pairs) if pair.name == name]
    key = np.array([{"background": ".", "car": "c", "road": "r"}[n] for n in dataset.labels.names])
    return ["".join(row) for row in key[dataset.read_label(index)]]


@pytest.mark.parametrize("images", ["images/default", "images"])
def test_what_datumaro_wrote_is_read(tmp_path, images):
    files = [f"{images}/a.jpg", f"{images}/sub/b.jpg"]
    file = "annotations/instances_default.json"
    coco_exports.write(tmp_path, file, coco_exports.DATUMARO, files)
    options = {"root": tmp_path, "val_fraction": 0.5, "boxes": "exclude"}
    splits = [CocoInstances(split=split, **options) for split in ("train", "val")]
    (dataset,) = [each for each in splits if each.pairs[0].name == "a"]
    assert letters(dataset, "a") == coco_exports.DATUMARO_LABEL


def test_what_label_studio_wrote_is_read(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    files = [f"images/{name}.png" for name in "abc"]
    coco_exports.write(tmp_path, "result.json", coco_exports.LABEL_STUDIO, files)
    options = {"annotations": "result.json", "boxes": "exclude", "val_fraction": 0.4}
    train, val = (CocoInstances(split=s, root=tmp_path, **options) for s in ("train", "val"))
    assert {pair.name for pair in (*train.pairs, *val.pairs)} == set("abc")
    drawn = [letters(each, pair.name) for each in (train, val) for pair in each.pairs]
    assert drawn.count(coco_exports.LABEL_STUDIO_LABEL) == 1
    assert caplog.text.count("3 of 3 images are listed by paths that lead out") == 1
    assert drawn.count(8 * ["." * 10]) == 2


def test_other_places_are_options(tmp_path):
    plant(tmp_path / "all", "marks/v_val.json", "pictures/val")
    options = {"annotations": "marks/v_{split}.json", "images": "pictures/{split}"}
    assert label_of(tmp_path / "all", **options) == POSITIONS
    absolute = {key: f"{tmp_path}/all/{value}" for key, value in options.items()}
    assert label_of(tmp_path, **absolute) == POSITIONS
    with pytest.raises(DataError, match="no split 'test'; found: val"):
        CocoInstances(split="test", root=tmp_path / "all", **options)
    with pytest.raises(DataError, match=r"looked for: marks/val\.json"):
        label_of(tmp_path / "all", annotations="marks/val.json")
    with pytest.raises(DataError, match=r"give the directory .*: dataset\.images=DIRECTORY"):
        label_of(tmp_path / "all", annotations=options["annotations"])


def test_of_two_files_for_a_split_one_is_chosen(tmp_path):
    plant(tmp_path)
    plant(tmp_path, "annotations/instances_val2014.json", "val2014", annotations=[CAR])
    with pytest.raises(DataError, match=r"choose one: dataset\.annotations=") as caught:
        label_of(tmp_path)
    chosen = str(caught.value).rpartition("dataset.annotations=")[2]
    assert chosen == "annotations/instances_val2014.json"
    assert sum(map(sum, label_of(tmp_path, annotations="annotations/instances_{split}2014.json")))


def test_images_that_no_file_lists_are_logged(tmp_path, caplog):
    plant(tmp_path, "annotations/instances_train.json", "images", names=("c.jpg", "d.jpg"))
    plant(tmp_path, "annotations/instances_val.json", "images")
    assert len(CocoInstances(split="val", root=tmp_path)) == 2
    assert "not read" not in caplog.text
    for name in ("more/e.jpg", ".hidden/f.jpg", "notes.txt"):
        path = tmp_path / "images" / name
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (2, 2)).save(path, "JPEG")
    assert len(CocoInstances(split="val", root=tmp_path)) == 2
    assert "1 files: more/e.jpg" in caplog.text
