"""A split in numbers and as a picture, against numpy and by hand."""

import json

import numpy as np
import pytest

from seg.data.datasets.camvid import CamVid
from seg.data.label_space import LabelSpace
from seg.data.sample import Sample
from seg.dataset_tools.statistics import describe, draw

RED, GREEN, BLUE = (210, 10, 10), (10, 160, 10), (10, 10, 230)
LABELS = LabelSpace.identity(("road", "car", "tree"), (RED, GREEN, BLUE))


class Memory:
    """Three samples of two sizes: car comes with road, tree never."""

    labels, split = LABELS, "train"

    def __init__(self):
        random = np.random.default_rng(0)
        maps = [np.zeros((6, 8)), np.zeros((6, 8)), np.full((10, 4), 255)]
        maps[1][:3, :2] = 1
        self.samples = [
            Sample(str(i), random.integers(0, 256, (*each.shape, 3), np.uint8), each.astype("u1"))
            for i, each in enumerate(maps)
        ]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]


@pytest.fixture(scope="module")
def told():
    return describe(Memory(), num_workers=0)


def test_classes(told):
    assert told["classes"] == ["road", "car", "tree"]
    assert told["pixels"] == [90, 6, 0]
    assert told["frequencies"] == [90 / 96, 6 / 96, 0]
    assert told["images"] == [2, 1, 0]
    assert told["ignored_share"] == 40 / 136
    assert told["co_occurrence"] == [[2, 1, 0], [1, 1, 0], [0, 0, 0]]
    median = (90 / 96 + 6 / 48) / 2
    assert told["median_frequency_weights"] == pytest.approx([median * 96 / 90, median * 8, 0])


def test_sizes(told):
    assert told["width"] == {"min": 4, "median": 8, "max": 8}
    assert told["height"] == {"min": 6, "median": 6, "max": 10}
    assert told["sizes"] == [[8, 6, 2], [4, 10, 1]]
    assert told["distinct_sizes"] == 2


def test_color_is_that_of_all_pixels_together(told):
    pixels = np.concatenate([sample.image.reshape(-1, 3) for sample in Memory().samples]) / 255
    assert told["rgb_mean"] == pytest.approx(pixels.mean(axis=0))
    assert told["rgb_std"] == pytest.approx(pixels.std(axis=0))


def test_a_uniform_image_has_no_deviation():
    dataset = Memory()
    dataset.samples = [Sample("a", np.full((7, 9, 3), 77, np.uint8), np.zeros((7, 9), np.uint8))]
    assert describe(dataset, num_workers=0)["rgb_std"] == pytest.approx([0, 0, 0], abs=1e-6)


def test_processes_change_nothing(told):
    assert describe(Memory(), num_workers=2) == told


def test_it_is_plain_data(told):
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_nothing_but_ignored_pixels():
    dataset = Memory()
    dataset.samples = dataset.samples[2:]
    told = describe(dataset, num_workers=0)
    assert told["median_frequency_weights"] is None
    assert told["ignored_share"] == 1
    assert draw(told, LABELS).mode == "RGB"


def test_bars_are_logarithmic_and_in_the_colors_of_the_classes(told):
    picture = np.asarray(draw(told, LABELS))
    columns = {
        color: np.flatnonzero((picture == color).all(axis=2).any(axis=0))
        for color in (RED, GREEN, BLUE)
    }
    assert len(columns[BLUE]) == 0
    # 93.75 % and 6.25 % on a scale from 1 % to 100 %
    length = {color: len(columns[color]) for color in (RED, GREEN)}
    expected = (2 + np.log10(6 / 96)) / (2 + np.log10(90 / 96))
    assert length[GREEN] / length[RED] == pytest.approx(expected, abs=0.02)


def test_cells_are_darker_the_more_often_classes_meet(told):
    with_all = {**told, "co_occurrence": [[2, 2, 0], [2, 2, 0], [0, 0, 0]]}
    assert np.asarray(draw(with_all, LABELS)).mean() < np.asarray(draw(told, LABELS)).mean()


@pytest.mark.data
def test_camvid(camvid_root, tmp_path, monkeypatch):
    monkeypatch.setenv("SEG_CACHE", str(tmp_path))
    dataset = CamVid(split="val", root=camvid_root)
    told = describe(dataset, num_workers=0)
    assert told["samples"] == 101
    assert told["sizes"] == [[480, 360, 101]]
    assert max(zip(told["frequencies"], told["classes"], strict=True))[1] in ("building", "road")
    assert sum(told["pixels"]) == pytest.approx(101 * 480 * 360 * (1 - told["ignored_share"]))
    assert draw(told, dataset.labels).width > 600
