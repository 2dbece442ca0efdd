"""BDD100K on a small tree in the official layout."""

import logging

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.bdd100k import BDD100K
from seg.data.datasets.cityscapes import TRAIN_IDS
from seg.errors import ConfigError, DataError


def plant(root, split="train", names=("0004a4c0-d4dff0ad", "00054602-3bf57337")):
    images, masks = root / "images/10k" / split, root / "labels/sem_seg/masks" / split
    for folder in (images, masks, root / "labels/sem_seg/colormaps" / split):
        folder.mkdir(parents=True)
    for name in names:
        Image.new("RGB", (5, 4), (90, 80, 70)).save(images / f"{name}.jpg")
        ids = np.array([*range(19), 255], np.uint8).reshape(4, 5)
        Image.fromarray(ids).save(masks / f"{name}.png")
    return root


def test_masks_hold_the_train_ids_of_cityscapes(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        dataset = BDD100K(split="train", root=plant(tmp_path))
    assert "BDD100K train" in caplog.text
    assert "has 2 samples, the official split 7000" in caplog.text
    assert [dataset[i].name for i in (0, 1)] == ["0004a4c0-d4dff0ad", "00054602-3bf57337"]
    assert dataset[0].image.shape == (4, 5, 3)
    assert dataset[0].label.ravel().tolist() == [*range(19), 255]
    assert dataset.labels is TRAIN_IDS


def test_test_images_have_no_labels(tmp_path):
    with pytest.raises(ConfigError, match=r"(?s)allowed: train, val.*not published"):
        BDD100K(split="test", root=tmp_path)


def test_what_is_missing_is_told(tmp_path):
    plant(tmp_path)
    with pytest.raises(DataError, match="images/10k/val, labels/sem_seg/masks/val"):
        BDD100K(split="val", root=tmp_path)
    next(tmp_path.glob("labels/sem_seg/masks/train/*.png")).unlink()
    with pytest.raises(DataError, match="1 images have no label"):
        BDD100K(split="train", root=tmp_path)
