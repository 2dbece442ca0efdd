"""Ids that no class has are found before a training starts."""

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.folder import Folder
from seg.data.datasets.streets import Streets
from seg.data.label_ids import check_label_ids
from seg.data.wrappers.remapped import RemappedDataset
from seg.errors import DataError, user_message
from tests.conftest import seg


@pytest.fixture
def root(tmp_path):
    """Ids 0 and 1 in training; one validation label of four has the id 3."""
    for split, count in (("train", 4), ("val", 4)):
        for kind in ("images", "labels"):
            (tmp_path / kind / split).mkdir(parents=True)
        for number in range(count):
            label = np.eye(8, 12, dtype=np.uint8)
            label[0, 0] = 3 if (split, number) == ("val", 2) else 0
            Image.new("RGB", (12, 8)).save(tmp_path / f"images/{split}/{number}.png")
            Image.fromarray(label).save(tmp_path / f"labels/{split}/{number}.png")
    return tmp_path


def test_an_id_of_the_validation_split_alone_is_told(root):
    train, val = (Folder(split=split, root=root) for split in ("train", "val"))
    check_label_ids(train)
    for dataset in (val, RemappedDataset(val, val.labels)):
        with pytest.raises(DataError, match="split 'val': 1 of 4 labels hold what") as caught:
            check_label_ids(dataset)
        message = user_message(caught.value)
        assert "3 (1 pixels)" in message
        assert "classes.json" in message
        assert len(message.splitlines()) <= 6
    (root / "labels/val/2.png").write_bytes(b"damaged")
    check_label_ids(Folder(split="val", root=root))  # whoever reads it is told


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ((0, 255), r"'a' alone.*all others are ignored"),
        ((0, 0), "'a' alone"),
        ((255, 255), "no pixel"),
    ],
)
def test_one_class_alone_cannot_be_learned(root, values, told):
    (root / "classes.json").write_text('["a", "b"]')
    for path in (root / "labels/train").iterdir():
        Image.fromarray(np.array([values], np.uint8)).save(path)
    dataset = Folder(split="train", root=root)
    with pytest.raises(DataError, match=told) as caught:
        check_label_ids(dataset)
    assert ('"255": "foreground"' in str(caught.value)) == (255 in values)
    (root / "classes.json").write_text('{"0": "background", "255": "foreground"}')
    if values == (0, 255):
        check_label_ids(Folder(split="train", root=root))


def test_rendered_labels_are_not_read():
    class Unread(Streets):
        def read_label(self, index):
            raise AssertionError

    check_label_ids(Unread(split="val", size=(64, 128), val_length=2))


def test_a_training_ends_before_its_first_step(root):
    done = seg("train", "dataset=folder", f"dataset.root={root}", "trainer.max_epochs=1", cwd=root)
    assert done.returncode == 3
    assert "split 'val': 1 of 4 labels hold what is no class" in done.stderr


def test_verify_checks_the_regrouping_of_classes(root):
    line = ("prepare", "verify", "dataset=folder", f"dataset.root={root}")
    done = seg(*line, "labels.ignore=[nothing]", cwd=root)
    assert done.returncode == 2
    assert "labels.ignore: no class 'nothing'" in done.stderr
    done = seg(*line, "labels.ignore=[class_1]", cwd=root)
    assert done.returncode == 2
    assert "only 'class_0' is left" in done.stderr


def test_a_validation_split_of_ignored_pixels_is_refused(root):
    (root / "classes.json").write_text('["a", "b"]')
    for path in (root / "labels/val").iterdir():
        Image.fromarray(np.full((8, 12), 255, np.uint8)).save(path)
    with pytest.raises(DataError, match="no pixel of 4 labels, spread over 4 counts") as caught:
        check_label_ids(Folder(split="val", root=root))
    assert "nothing can be scored" in str(caught.value)
    Image.fromarray(np.eye(8, 12, dtype=np.uint8)).save(root / "labels/val/0.png")
    check_label_ids(Folder(split="val", root=root))
