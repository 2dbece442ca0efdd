"""Pascal VOC 2012 and SBD on small trees in their official layouts."""

import hashlib
import logging

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from scipy.sparse import csc_matrix

from seg.data.datasets.pascal_voc import LABELS, PascalVoc, voc_palette
from seg.errors import ConfigError, DataError
from tests.data.datasets import cvat_tree

# VOClabelcolormap.m of the development kit gives these for 0-20.
COLORS = (
    (0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128),
    (128, 128, 128), (64, 0, 0), (192, 0, 0), (64, 128, 0), (192, 128, 0), (64, 0, 128),
    (192, 0, 128), (64, 128, 128), (192, 128, 128), (0, 64, 0), (128, 64, 0), (0, 192, 0),
    (128, 192, 0), (0, 64, 128),
)  # fmt: skip
# The 20 names of VOCinit.m, joined by line feeds.
OBJECTS_SHA256 = "7d877f185c807bc51b4cfb4f4202fc0b4e1c6724b782ba245fe36f8d254f0ad7"
VOID = (224, 224, 192)
TRAIN, VAL = ("2007_000032", "2008_000008"), ("2007_000033",)
SBD_ONLY, SBD_VAL = "2009_000001", "2010_000002"
SIZES = {"2007_000032": (6, 4), "2008_000008": (5, 7), "2007_000033": (4, 6)}  # width, height


def ids(name):
    width, height = SIZES.get(name, (4, 4))
    return np.resize(np.array([*range(21), 255], np.uint8), (height, width))


def save_indexed(path, label_HW):
    picture = Image.frombytes("P", label_HW.shape[::-1], label_HW.tobytes())
    picture.putpalette([channel for color in voc_palette(256) for channel in color])
    path.parent.mkdir(exist_ok=True)
    picture.save(path)


@pytest.fixture
def voc(tmp_path):
    root = tmp_path / "VOCdevkit/VOC2012"
    for folder in ("JPEGImages", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    for name in (*TRAIN, *VAL, SBD_ONLY, SBD_VAL):
        Image.new("RGB", ids(name).shape[::-1], (9, 8, 7)).save(root / f"JPEGImages/{name}.jpg")
    for name in (*TRAIN, *VAL):
        save_indexed(root / f"SegmentationClass/{name}.png", ids(name))
    for split, names in (("train", TRAIN), ("val", VAL), ("trainval", TRAIN + VAL)):
        (root / f"ImageSets/Segmentation/{split}.txt").write_text("\n".join(names) + "\n")
    return root


@pytest.fixture
def sbd(tmp_path):
    folder = tmp_path / "benchmark_RELEASE/dataset"
    (folder / "cls").mkdir(parents=True)
    (folder / "train.txt").write_text(f"{SBD_ONLY}\n{TRAIN[0]}\n{VAL[0]}\n")
    (folder / "val.txt").write_text(f"{SBD_VAL}\n")
    edges = np.empty((20, 1), object)
    edges[:, 0] = [csc_matrix((4, 4), dtype=bool) for _ in range(20)]
    for name in (SBD_ONLY, SBD_VAL, TRAIN[0], VAL[0]):
        label = np.full(ids(name).shape, 15, np.uint8)
        categories = np.array([[15]], np.uint8)
        fields = {"Boundaries": edges, "Segmentation": label, "CategoriesPresent": categories}
        savemat(folder / f"cls/{name}.mat", {"GTcls": fields}, do_compression=True)
    return folder.parent


def names(dataset):
    return [dataset[index].name for index in range(len(dataset))]


def test_twenty_classes_and_background_in_the_colors_of_the_kit():
    assert LABELS.palette == COLORS
    assert (LABELS.num_classes, LABELS.names[0]) == (21, "background")
    assert hashlib.sha256("\n".join(LABELS.names[1:]).encode()).hexdigest() == OBJECTS_SHA256
    assert voc_palette(256)[255] == VOID
    assert len(set(voc_palette(256))) == 256


def test_indices_are_read_and_the_border_is_ignored(voc, caplog):
    with caplog.at_level(logging.WARNING):
        dataset = PascalVoc(split="train", root=voc)
    assert "Pascal VOC 2012 train" in caplog.text
    assert "has 2 samples, the official split 1464" in caplog.text
    assert names(dataset) == list(TRAIN)
    for sample in (dataset[0], dataset[1]):
        np.testing.assert_array_equal(sample.label, ids(sample.name))
        assert sample.image.shape == (*sample.label.shape, 3)


def test_the_lists_make_the_splits(voc):
    assert names(PascalVoc(split="val", root=voc)) == list(VAL)
    everything = sorted(TRAIN + VAL)
    assert names(PascalVoc(split="trainval", root=voc)) == everything
    training = PascalVoc(split="train", root=voc, train_split="trainval")
    assert names(training) == everything
    assert training.split == "train"
    assert names(PascalVoc(split="val", root=voc, train_split="trainval")) == list(VAL)


def test_trainaug_from_images(voc, caplog):
    for name in (TRAIN[0], SBD_ONLY):
        path = voc / f"SegmentationClassAug/{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full(ids(name).shape, 3, np.uint8)).save(path)
    lists = voc / "ImageSets/Segmentation"
    (lists / "trainaug.txt").write_text("\n".join((*TRAIN, SBD_ONLY)))
    with caplog.at_level(logging.WARNING):
        dataset = PascalVoc(split="train", root=voc, train_split="trainaug")
    assert "the official split 10582" in caplog.text
    assert names(dataset) == [*TRAIN, SBD_ONLY]
    np.testing.assert_array_equal(dataset[0].label, ids(TRAIN[0]))  # VOC's own label
    assert (dataset[2].label == 3).all()


@pytest.mark.parametrize("level", ["", "dataset"])
def test_trainaug_from_the_files_of_sbd(voc, sbd, level):
    dataset = PascalVoc(split="trainaug", root=voc, sbd=sbd / level)
    assert names(dataset) == [*TRAIN, SBD_ONLY, SBD_VAL]  # and no sample of val
    np.testing.assert_array_equal(dataset[0].label, ids(TRAIN[0]))
    assert (dataset[2].label == 15).all()
    options = {"train_split": "trainaug", "sbd": sbd, "root": voc}
    assert names(PascalVoc(split="train", **options)) == names(dataset)
    assert names(PascalVoc(split="val", **options)) == list(VAL)


def test_wrong_choices_are_refused(voc, sbd):
    with pytest.raises(
        ConfigError, match=r"(?s)test.*allowed: train, val, trainval.*not published"
    ):
        PascalVoc(split="test", root=voc)
    with pytest.raises(ConfigError, match="allowed: train, trainval, trainaug"):
        PascalVoc(split="train", root=voc, train_split="val")
    with pytest.raises(ConfigError, match="train_split=trainaug, or leave"):
        PascalVoc(split="train", root=voc, sbd=sbd)


def test_wrong_folders_are_described(voc, sbd):
    with pytest.raises(DataError, match=r"it seems to be .*VOC2012"):
        PascalVoc(split="val", root=voc.parent)
    with pytest.raises(DataError, match=r"trainaug\.txt[\s\S]*found there[\s\S]*dataset\.sbd=DIR"):
        PascalVoc(split="trainaug", root=voc)
    with pytest.raises(DataError, match=r"looked for: dataset/cls, [\s\S]*benchmark\.tgz"):
        PascalVoc(split="trainaug", root=voc, sbd=voc)


def test_a_listed_sample_lacks_its_files(voc):
    listed = voc / "ImageSets/Segmentation/val.txt"
    listed.write_text(f"{VAL[0]}\n2011_000009\n")
    with pytest.raises(DataError, match=r"1 images have no label: .*2011_000009\.jpg"):
        PascalVoc(split="val", root=voc)
    (voc / f"JPEGImages/{TRAIN[1]}.jpg").unlink()
    dataset = PascalVoc.tolerant(split="train", root=voc)
    assert names(dataset) == [TRAIN[0]]
    assert [(each.kind, each.lacks) for each in dataset.unmatched] == [("label", "image")]
    listed.write_text("")
    with pytest.raises(DataError, match="list of a split is empty"):
        PascalVoc(split="val", root=voc)


def test_files_of_sbd_are_read_strictly(voc, sbd):
    path = sbd / f"dataset/cls/{SBD_ONLY}.mat"
    dataset = PascalVoc(split="trainaug", root=voc, sbd=sbd)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="damaged, or without") as told:
        dataset[2]
    assert told.value.fault == "damaged"
    savemat(path, {"GTinst": {"Segmentation": np.zeros((4, 4), np.uint8)}})
    with pytest.raises(DataError, match=r"without GTcls\.Segmentation"):
        dataset[2]
    savemat(path, {"GTcls": {"Segmentation": np.zeros((4, 4))}})
    with pytest.raises(DataError, match=r"float64 of shape \(4, 4\)"):
        dataset[2]
    savemat(path, {"GTcls": {"Segmentation": np.full((4, 4), 21, np.uint8)}})
    with pytest.raises(DataError, match=r"21 \(16 pixels\)"):
        dataset[2]
    path.write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        dataset[2]


def test_an_export_with_other_classes_in_the_same_directories_is_refused(tmp_path):
    cvat_tree.plant(tmp_path, {"train": ["a"]})
    with pytest.raises(DataError, match=r"(?s)names other classes than .*dataset=cvat_mask"):
        PascalVoc(split="train", root=tmp_path)
