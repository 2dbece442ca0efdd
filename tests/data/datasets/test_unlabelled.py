"""Directories of images without labels."""

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.unlabelled import Unlabelled
from seg.data.label_space import LabelSpace
from seg.errors import DataError

LABELS = LabelSpace.identity(("a", "b"), ((0, 0, 0), (9, 9, 9)))


def test_every_image_at_any_depth_in_the_order_of_names(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    for name in ("b.png", "deep/er/a.png", "a.png", "deep/c.bmp"):
        Image.fromarray(pixels).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    data = Unlabelled(tmp_path, labels=LABELS)
    assert [data[index].name for index in range(len(data))] == ["a", "b", "deep/c", "deep/er/a"]
    sample = data[3]
    assert np.array_equal(sample.image, pixels)
    assert sample.label.shape == (6, 8)
    assert not sample.label.any()


def test_what_is_not_there_or_damaged(tmp_path):
    with pytest.raises(DataError, match="nowhere: no such directory"):
        Unlabelled(tmp_path / "nowhere", labels=LABELS)
    with pytest.raises(DataError, match=r"no files in .*\n.*\.png"):
        Unlabelled(tmp_path, labels=LABELS)
    Image.new("RGB", (40, 40), (1, 2, 3)).save(tmp_path / "a.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:-20])
    data = Unlabelled(tmp_path, labels=LABELS)
    assert data[0].image.shape == (40, 40, 3)
    with pytest.raises(DataError, match=r"cut\.png.*damaged or truncated"):
        data[1]
