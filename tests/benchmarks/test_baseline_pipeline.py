"""Our input pipeline and the textbook's draw from one distribution; the benchmark times both."""

import json
import random

import numpy as np
import pytest
from PIL import Image
from scipy.stats import ks_2samp

from seg.benchmarks.baseline_pipeline import TextbookSamples
from seg.benchmarks.data_speed import street_augmentation
from seg.benchmarks.timing import Timing, interleaved, table
from seg.data.label_space import LabelSpace
from seg.data.loading.loader import KeyedDataset
from seg.data.loading.resumable_sampler import SampleKey
from seg.data.readers.image_label_pairs import Pair, PairDataset
from tests.conftest import seg

CROP = (48, 64)
LABELS = LabelSpace.identity(tuple("abcd"), ((1, 2, 3),) * 4)
DRAWS = 600


@pytest.fixture
def pair(tmp_path) -> Pair:
    rows, columns = np.mgrid[:60, :80]
    image = np.dstack([columns * 3, rows * 4, np.full((60, 80), 90)]).astype(np.uint8)
    label = ((rows // 30) * 2 + columns // 40).astype(np.uint8)
    paths = tmp_path / "image.png", tmp_path / "label.png"
    for path, pixels in zip(paths, (image, label), strict=True):
        Image.fromarray(pixels).save(path)
    return Pair("one", *paths)


def statistics(image_CHW: np.ndarray, label_HW: np.ndarray) -> list[float]:
    """Of a sample in [-1, 1]: what scale, window, flip and each colour step change."""
    inside = label_HW != LABELS.ignore_index
    pixels = image_CHW[:, inside]
    # in steps of 0.05: the two resize labels by nearest neighbours that lie half a pixel apart
    shares = [round(20 * np.mean(label_HW[inside] == value)) for value in range(3)]
    red, half = image_CHW[0], label_HW.shape[1] // 2
    lean = np.sign(red[:, half:].mean() - red[:, :half].mean())  # a flip turns it
    means = (127.5 * pixels.mean(axis=1) + 127.5).round()  # grey levels
    return [inside.mean(), *shares, lean, pixels[0].std(), *means]


def test_whole_samples_have_the_distribution_of_the_textbook(pair):
    ours = KeyedDataset(
        PairDataset([pair], labels=LABELS, split="train"),
        augmentation=street_augmentation(CROP),
        seed=0,
    )
    theirs = TextbookSamples([(pair.image, pair.label)], LABELS, CROP)
    # one stream for all: by itself each transform of albumentations would draw the same numbers
    theirs._transform.set_random_state(np.random.default_rng(1), random.Random(1))
    found, expected = [], []
    for epoch in range(DRAWS):
        item = ours[SampleKey(epoch, 0)]
        image_CHW = item["image"].transpose(2, 0, 1) / 127.5 - 1
        found.append(statistics(image_CHW, item["label"]))
        image, label = theirs[0]
        expected.append(statistics(image.numpy(), label.numpy()))
    for column, (a, b) in enumerate(zip(np.array(found).T, np.array(expected).T, strict=True)):
        assert ks_2samp(a, b).pvalue > 1e-3, column


def test_ways_take_turns_and_ratios_are_over_the_first():
    calls = []
    ways = {name: lambda name=name: calls.append(name) or 2 for name in "ab"}
    timings = interleaved(ways, rounds=2)
    assert calls == ["a", "b"] * 3  # one round warms up
    assert all(len(timing.seconds) == 2 for timing in timings.values())
    told = table({"slow": Timing((4.0, 4.0, 8.0)), "fast": Timing((1.0, 2.0, 2.0))})
    assert "| slow | 4000.00 | 50% | 1.0 |" in told
    assert "| fast | 2000.00 | 25% | 2.0 |" in told


@pytest.mark.slow
def test_the_command_leaves_its_tables(tmp_path):
    done = seg("benchmark", "data", "rounds=1", "num_images=8", "hydra.run.dir=run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "run/benchmark.md").read_text()
    assert text.strip() in done.stdout
    seconds = json.loads((tmp_path / "run/benchmark.json").read_text())
    ways = seconds["Cityscapes-like 2048x1024 PNG, crop 769x769"]
    assert list(ways) == ["textbook", "seg, first epoch", "seg, later epochs (cache)"]
    assert all(len(each) == 1 and each[0] > 0 for each in ways.values())
