"""Frames without annotation in the exports of annotation tools."""

import json

import numpy as np
import pytest
from PIL import Image

from seg.assemble.datasets import open_dataset
from seg.config.schema import DatasetTarget, Labels
from seg.data.cvat_mask import CvatMask
from seg.data.labelme import LabelMe
from seg.errors import ConfigError, DataError
from seg.preparation.verify import verify

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


@pytest.fixture(params=["cvat", "labelme"])
def kind(request):
    return request.getfixturevalue(request.param)


def test_as_background_they_have_the_size_of_the_upright_image(kind):
    dataset_class, root = kind
    dataset = dataset_class(split="train", root=root, unannotated="background")
    assert dataset.labels.names == ("background", "leaf")
    assert [sample.name for sample in dataset] == ["f0", "f1", "f2"]
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
        dataset = dataset_class(split="train", root=root, unannotated="exclude")
    assert [pair.name for pair in dataset.pairs] == ["f0", "f2"]
    assert "1 images without annotation are left out: f1" in caplog.text


def test_without_a_choice_both_are_named(kind):
    dataset_class, root = kind
    with pytest.raises(DataError) as caught:
        dataset_class(split="train", root=root)
    target = f"{dataset_class.__module__}.{dataset_class.__qualname__}"
    with pytest.raises(DataError) as in_command:
        open_dataset(DatasetTarget(_target_=target, root=str(root)), Labels(), "train")
    for error in (caught, in_command):
        message = str(error.value)
        assert "f1.jpg" in message
        assert "dataset.unannotated=background" in message
        assert "dataset.unannotated=exclude" in message
        assert len(message.splitlines()) <= 6
    with pytest.raises(ConfigError, match="error, background, exclude"):
        dataset_class(split="train", root=root, unannotated="void")


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
