"""Archives for the test servers of Cityscapes and Pascal VOC."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.cityscapes import OFFICIAL, TRAIN_IDS
from seg.data.datasets.pascal_voc import LABELS as VOC
from seg.errors import ConfigError
from seg.prediction.items import Item
from seg.prediction.writers.cityscapes import CityscapesArchive
from seg.prediction.writers.pascal_voc import VocArchive
from tests.prediction.written_formats import (
    B,
    assembled,
    label,
    settings,
)


def test_cityscapes_archive(tmp_path):
    items = [
        Item(f"val/ulm/ulm_000000_00001{n}_leftImg8bit", f"in/ulm_000000_00001{n}_leftImg8bit.png")
        for n in (9, 8)
    ]

    def label_of(seed):
        return label(seed, classes=19)

    assembled(CityscapesArchive, settings(tmp_path, TRAIN_IDS), items, label_of)
    official = {train: id_ for id_, _, train, _ in OFFICIAL if train is not None}
    with zipfile.ZipFile(tmp_path / "cityscapes.zip") as archive:
        assert archive.namelist() == [f"ulm_000000_00001{n}_labelIds.png" for n in (8, 9)]
        with archive.open("ulm_000000_000019_labelIds.png") as file, Image.open(file) as image:
            assert image.mode == "L"
            expected = np.vectorize(official.get)(label_of(0))
            np.testing.assert_array_equal(np.asarray(image), expected)


def test_pascal_voc_archive(tmp_path):
    def label_of(seed):
        return label(seed, classes=21)

    items = [Item("JPEGImages/2008_000006", "x.jpg"), Item("JPEGImages/2008_000011", "y.jpg")]
    assembled(VocArchive, settings(tmp_path, VOC), items, label_of)
    folder = "results/VOC2012/Segmentation/comp6_test_cls"
    with zipfile.ZipFile(tmp_path / "pascal_voc.zip") as archive:
        assert archive.namelist() == [f"{folder}/2008_0000{n}.png" for n in ("06", "11")]
        with archive.open(f"{folder}/2008_000011.png") as file, Image.open(file) as image:
            assert image.mode == "P"
            np.testing.assert_array_equal(np.asarray(image), label_of(1))
            colors = np.asarray(image.convert("RGB"))
            np.testing.assert_array_equal(colors, VOC.colorize(label_of(1)))


@pytest.mark.parametrize(
    ("kind", "words"),
    [(CityscapesArchive, "'tree' is none of Cityscapes'"), (VocArchive, "'road' is none of VOC's")],
)
def test_archives_are_for_their_own_classes(tmp_path, kind, words):
    with pytest.raises(ConfigError, match=words):
        kind(settings(tmp_path))


def test_cityscapes_wants_its_names(tmp_path):
    made = CityscapesArchive(settings(tmp_path, TRAIN_IDS))
    with pytest.raises(ConfigError, match=r"in/b\.png: is not named CITY_SEQUENCE_FRAME"):
        made.targets(B)
