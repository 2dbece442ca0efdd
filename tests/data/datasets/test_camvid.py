"""CamVid against the real images, where they lie beside the checkout."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.camvid import LABELS, CamVid
from seg.errors import ConfigError, DataError

ROOT = Path(__file__).resolve().parents[4] / "shared/data/camvid"
real = pytest.mark.skipif(not ROOT.is_dir(), reason=f"CamVid is not in {ROOT}")


@pytest.fixture
def tiny(tmp_path):
    for folder in ("train", "trainannot"):
        (tmp_path / folder).mkdir()
    Image.new("RGB", (4, 3), (10, 20, 30)).save(tmp_path / "train/a.png")
    ids = np.arange(12, dtype=np.uint8).reshape(3, 4)
    Image.fromarray(ids).save(tmp_path / "trainannot/a.png")
    return tmp_path


def test_void_is_ignored(tiny):
    sample = CamVid(split="train", root=tiny)[0]
    assert sample.label.ravel().tolist() == [*range(11), 255]


def test_the_splits_are_known(tiny):
    with pytest.raises(ConfigError, match="train, val, test"):
        CamVid(split="trainval", root=tiny)
    with pytest.raises(DataError, match="val, valannot"):
        CamVid(split="val", root=tiny)


def test_eleven_classes_with_their_colors():
    assert LABELS.num_classes == 11
    assert LABELS.names[3] == "road"
    assert LABELS.colorize(np.array([[3, 255]]))[0].tolist() == [[128, 64, 128], [0, 0, 0]]


@real
@pytest.mark.data
@pytest.mark.parametrize(("split", "count"), [("train", 367), ("val", 101)])
def test_real_images(split, count):
    dataset = CamVid(split=split, root=ROOT)
    assert len(dataset) == count
    for index in (0, count // 2, count - 1):
        sample = dataset[index]
        assert sample.image.shape == (360, 480, 3)
        assert sample.label.shape == (360, 480)
        assert set(np.unique(sample.label)) <= {*range(11), 255}
    # The lower middle of a driver's view is road.
    assert (
        np.mean([(dataset[i].label[280:320, 200:280] == 3).mean() for i in range(0, count, 20)])
        > 0.6
    )
