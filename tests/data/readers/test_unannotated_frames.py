"""Frames without annotation in the exports of annotation tools."""

import json

import numpy as np
import pytest
from PIL import Image

from seg.build.datasets import open_dataset
from seg.config.schema import DatasetTarget, Labels
from seg.data.datasets.csv import Csv
from seg.data.datasets.cvat_mask import CvatMask
from seg.data.datasets.folder import Folder
from seg.data.datasets.labelme import LabelMe
from seg.dataset_tools.verify import verify
from seg.errors import ConfigError, DataError

LEAF = (250, 50, 83)


@pytest.fixture
def cvat(tmp_path):
    """Three frames, of which f1 has no mask; f1 is turned by its EXIF orientation."""
    root = tmp_path / "cvat"
    for directory in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / directory).mkdir(parents=True)
    (root / "labelmap.txt").write_text("# label:color_rgb\nbackground:0,0,0::\nleaf:250,50,83::\n")
    for number in range(3):
        write_frame(root / "JPEGImages" / f"f{number}.jpg", turned=number == 1)
        if number != 1:
            mask = np.zeros((4, 6, 3), np.uint8)
            mask[:2] = LEAF
            Image.fromarray(mask).save(root / "SegmentationClass" / f"f{number}.png")
    (root / "ImageSets/Segmentation/train.txt").write_text("f0\nf1\nf2\n")
    return CvatMask, root


@pytest.fixture
def labelme(tmp_path):
    root = tmp_path / "labelme/train"
    root.mkdir(parents=True)
    for number in range(3):
        write_frame(root / f"f{number}.jpg", turned=number == 1)
        if number != 1:
            shape = {"label": "leaf", "points": [[0, 0], [5, 1]], "shape_type": "rectangle"}
            told = {"shapes": [shape], "imageHeight": 4, "imageWidth": 6}
            (root / f"f{number}.json").write_text(json.dumps(told))
    return LabelMe, root.parent


def write_frame(path, *, turned):
    exif = Image.Exif()
    exif[0x0112] = 6 if turned else 1
    Image.new("RGB", (6, 4)).save(path, exif=exif)


@pytest.fixture
def folder(tmp_path):
    """Without a class file: its masks of 0 and 255 are background and foreground."""
    root = tmp_path / "folder"
    for kind in ("images", "labels"):
        (root / kind / "train").mkdir(parents=True)
    for number in range(3):
        write_frame(root / f"images/train/f{number}.jpg", turned=number == 1)
        if number != 1:
            mask = np.repeat(np.uint8([255, 255, 0, 0]), 6).reshape(4, 6)
            Image.fromarray(mask).save(root / f"labels/train/f{number}.png")
    return Folder, root


@pytest.fixture
def csv(folder):
    """A table whose second row has no label."""
    root = folder[1]
    rows = [f"images/train/f{n}.jpg,{'' if n == 1 else f'labels/train/f{n}.png'}" for n in range(3)]
    rows = [f"{row},train" for row in rows]
    (root / "samples.csv").write_text("\n".join(["image,label,split", *rows, ""]))
    return Csv, root


@pytest.fixture(params=["cvat", "labelme", "folder", "csv"])
def kind(request):
    return request.getfixturevalue(request.param)


def place(dataset_class, root):
    return {"table": str(root / "samples.csv")} if dataset_class is Csv else {"root": str(root)}


def opened(dataset_class, root, **options):
    return dataset_class(split="train", **place(dataset_class, root), **options)


def test_as_background_they_have_the_size_of_the_upright_image(kind):
    dataset_class, root = kind
    dataset = opened(dataset_class, root, unannotated="background")
    names = ("background", "leaf" if dataset_class in (CvatMask, LabelMe) else "foreground")
    assert dataset.labels.names == names
    assert [sample.name.rpartition("/")[2] for sample in dataset] == ["f0", "f1", "f2"]
    assert dataset[1].label.shape == dataset[1].image.shape[:2] == (6, 4)
    assert (dataset[1].label == 0).all()
    assert (dataset.read_label(1) == 0).all()
    assert dataset[0].label[:2].all()
    report = verify({"train": dataset}, {}, num_workers=0)
    assert {"duplicate"} >= {fault.kind for fault in report.faults}
    assert "JPEG" not in report.label_kinds["train"]


def test_they_can_be_left_out(kind, caplog):
    dataset_class, root = kind
    with caplog.at_level("INFO"):
        dataset = opened(dataset_class, root, unannotated="exclude")
    assert [pair.image.stem for pair in dataset.pairs] == ["f0", "f2"]
    assert "1 of 3 images without annotation are left out" in caplog.text


def test_without_a_choice_both_are_named(kind):
    dataset_class, root = kind
    with pytest.raises(DataError) as caught:
        opened(dataset_class, root)
    target = f"{dataset_class.__module__}.{dataset_class.__qualname__}"
    with pytest.raises(DataError) as in_command:
        open_dataset(
            DatasetTarget(_target_=target, **place(dataset_class, root)), Labels(), "train"
        )
    for error in (caught, in_command):
        message = str(error.value)
        assert "f1.jpg" in message
        assert "dataset.unannotated=background" in message
        assert "dataset.unannotated=exclude" in message
        assert len(message.splitlines()) <= 6
    with pytest.raises(ConfigError, match="error, background, exclude"):
        opened(dataset_class, root, unannotated="void")


def test_background_must_be_a_class(cvat, labelme):
    _, root = cvat
    (root / "labelmap.txt").write_text("soil:0,0,0::\nleaf:250,50,83::\n")
    with pytest.raises(ConfigError, match=r"no class background.*unannotated=exclude"):
        CvatMask(split="train", root=root, unannotated="background")
    with pytest.raises(ConfigError, match=r"needs dataset\.unlabelled=background"):
        LabelMe(split="train", root=labelme[1], unannotated="background", unlabelled="ignored")


def test_an_annotation_without_its_image_is_an_error_all_the_same(labelme):
    _, root = labelme
    (root / "train/f0.jpg").unlink()
    with pytest.raises(DataError, match=r"1 labels have no image: .*f0\.json"):
        LabelMe(split="train", root=root, unannotated="background")


def test_listed_labels_that_do_not_exist_are_named_with_the_options(csv):
    root = csv[1]
    table = root / "samples.csv"
    table.write_text(table.read_text().replace("f1.jpg,", "f1.jpg,labels/train/f1.png"))
    with pytest.raises(DataError, match=r"f1\.png\n.*unannotated=background") as caught:
        opened(*csv)
    assert len(str(caught.value).splitlines()) <= 6
    assert len(opened(*csv, unannotated="exclude")) == 2
    assert (opened(*csv, unannotated="background")[1].label == 0).all()


@pytest.mark.parametrize(
    ("classes", "background"),
    [
        ('["leaf", "background"]', 1),
        ('{"3": "leaf", "7": "_Background_", "0": "stem", "255": "pod"}', 2),
        ('["leaf", "stem"]', None),
    ],
)
def test_the_background_of_own_data_is_the_class_of_that_name(folder, classes, background):
    (folder[1] / "classes.json").write_text(classes)
    if background is None:
        with pytest.raises(ConfigError, match=r"classes\.json has no class background.*exclude"):
            opened(*folder, unannotated="background")
    else:
        assert (opened(*folder, unannotated="background")[1].label == background).all()


def test_images_in_no_list_of_a_cvat_export_are_named(cvat, caplog):
    dataset_class, root = cvat
    (root / "ImageSets/Segmentation/train.txt").write_text("f0\n")
    dataset = dataset_class(split="train", root=root)
    assert len(dataset) == 1
    assert "no list in" in caplog.text
    assert "2 files: f1, f2" in caplog.text
    assert "SegmentationClass: not read" in caplog.text
