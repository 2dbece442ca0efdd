"""Every accumulator is additive: two halves of a split, added, are the whole to the last bit."""

import numpy as np
import pytest
import torch

from seg.errors import DataError
from seg.metrics.accumulator import Accumulator, total
from seg.metrics.bootstrap import PoissonBootstrap
from seg.metrics.boundary import BoundaryIoU
from seg.metrics.calibration import ReliabilityBins
from seg.metrics.confusion import ConfusionMatrix
from seg.metrics.joint_counts import pair_counts
from seg.metrics.size_strata import SizeStrata
from seg.metrics.trimap import TrimapIoU
from tests.metrics.maps import IGNORE, random_maps

CLASSES = 5


def add_maps(metric, _seed, maps):
    metric.update(*maps)


def add_tensors(metric, _seed, maps):
    metric.update(*map(torch.from_numpy, maps))


def add_confidences(metric, seed, maps):
    prediction, label = maps
    confidence = np.random.default_rng(seed).random(label.shape, np.float32)
    metric.update(confidence[label != IGNORE], (prediction == label)[label != IGNORE])


def add_counts(metric, seed, maps):
    metric.update(f"image {seed}", pair_counts(*maps, CLASSES, IGNORE))


KINDS = {
    "confusion": (lambda: ConfusionMatrix(CLASSES, IGNORE), add_tensors),
    "boundary": (lambda: BoundaryIoU(CLASSES, IGNORE), add_maps),
    "trimap": (lambda: TrimapIoU(CLASSES, IGNORE, width_px=2), add_maps),
    "strata": (lambda: SizeStrata(CLASSES, IGNORE), add_maps),
    "reliability": (ReliabilityBins, add_confidences),
    "bootstrap": (lambda: PoissonBootstrap(CLASSES, replicates=50), add_counts),
}


@pytest.mark.parametrize("kind", KINDS)
def test_two_halves_added_are_the_whole(kind):
    make, add = KINDS[kind]
    whole, halves = make(), (make(), make())
    assert isinstance(whole, Accumulator)
    order = np.random.default_rng(0).permutation(12)
    for seed in range(12):
        add(whole, seed, random_maps(seed, CLASSES))
    for position, seed in enumerate(order):
        add(halves[position < 4], seed, random_maps(seed, CLASSES))
    together = make()
    together.load_sums(total(half.sums() for half in halves))
    (expected,), (found,) = whole.sums().values(), together.sums().values()
    assert expected.any()
    assert expected.dtype == found.dtype == np.int64
    assert np.array_equal(expected, found)


@pytest.mark.parametrize("kind", KINDS)
def test_sums_are_copies_and_loading_replaces(kind):
    make, add = KINDS[kind]
    metric = make()
    add(metric, 0, random_maps(0, CLASSES))
    (name, sums), *_ = metric.sums().items()
    before = sums.copy()
    add(metric, 1, random_maps(1, CLASSES))
    assert np.array_equal(sums, before)
    metric.load_sums({name: sums})
    sums += 1
    assert np.array_equal(metric.sums()[name], before)


@pytest.mark.parametrize("kind", KINDS)
def test_sums_of_another_metric_are_refused(kind):
    metric = KINDS[kind][0]()
    with pytest.raises(DataError, match="another metric"):
        metric.load_sums({})
    with pytest.raises(DataError, match="shape"):
        metric.load_sums({kind: np.zeros((1, 1), np.int64)})
    with pytest.raises(DataError, match="different metrics"):
        total([metric.sums(), {"other": np.zeros(1)}])
