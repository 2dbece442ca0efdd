import math

import numpy as np
import pytest
from scipy import stats

from seg.errors import ConfigError, DataError
from seg.metrics.bootstrap import (
    PoissonBootstrap,
    interval,
    paired_difference,
    poisson_weights,
)

CLASSES = 4


def image_counts(images, seed=0, quality=0.8):
    """K x K counts of images that differ in difficulty, I x K x K."""
    generator = np.random.default_rng(seed)
    share = np.clip(quality + 0.1 * generator.standard_normal(images), 0, 1)[:, None, None]
    labelled = generator.integers(0, 2000, (images, CLASSES, 1))
    row = share * np.eye(CLASSES) + (1 - share) / CLASSES
    return np.rint(labelled * row).astype(np.int64)


def bootstrapped(counts, names=None, **settings):
    bootstrap = PoissonBootstrap(CLASSES, **settings)
    for index, counts_KK in enumerate(counts):
        bootstrap.update(f"{index}" if names is None else names[index], counts_KK)
    return bootstrap


def plain_replicates(counts, replicates=4000):
    """mIoU, accuracy and IoU of images drawn with replacement."""
    draws = np.random.default_rng(7).integers(0, len(counts), (replicates, len(counts)))
    weights = np.stack([np.bincount(draw, minlength=len(counts)) for draw in draws])
    sums = np.tensordot(weights, counts, 1)
    hits = np.diagonal(sums, axis1=1, axis2=2)
    iou = hits / (sums.sum(1) + sums.sum(2) - hits)
    return iou.mean(1), hits.sum(1) / sums.sum((1, 2)), iou


def test_intervals_are_those_of_the_plain_bootstrap():
    counts = image_counts(200)
    ours = bootstrapped(counts, replicates=4000)
    miou, accuracy, iou = plain_replicates(counts)
    pairs = [(ours.mean_iou(), miou), (ours.pixel_accuracy(), accuracy)]
    pairs += [(ours.iou()[:, k], iou[:, k]) for k in range(CLASSES)]
    for found, expected in pairs:
        assert found.mean() == pytest.approx(expected.mean(), rel=2e-3)
        assert found.std() == pytest.approx(expected.std(), rel=0.06)
        assert np.diff(interval(found)) == pytest.approx(np.diff(interval(expected)), rel=0.08)


def test_weights_are_poisson_and_belong_to_the_name():
    weights = np.concatenate([poisson_weights(3, f"image {i}", 1000) for i in range(50)])
    found = np.bincount(np.minimum(weights, 5), minlength=6)
    expected = stats.poisson(1).pmf(range(5)) * len(weights)
    expected = np.append(expected, len(weights) - expected.sum())
    assert stats.chisquare(found, expected).pvalue > 0.01
    assert np.array_equal(poisson_weights(3, "image 0", 10), weights[:10])
    assert not np.array_equal(poisson_weights(4, "image 0", 1000), weights[:1000])


def test_weights_stay_what_they_are():
    """Runs of different days and versions can be compared only while these numbers stand."""
    expected = [1, 1, 1, 0, 1, 3, 0, 0, 1, 0, 1, 1]
    assert poisson_weights(0, "frankfurt/000000", 12).tolist() == expected


def test_order_changes_nothing():
    counts, names = image_counts(30), [f"a/{index}" for index in range(30)]
    first = bootstrapped(counts, names, replicates=100)
    second = bootstrapped(counts[::-1], names[::-1], replicates=100)
    assert np.array_equal(first.sums()["bootstrap"], second.sums()["bootstrap"])


def test_identical_models_do_not_differ():
    counts = image_counts(30)
    same = [bootstrapped(counts, replicates=200).mean_iou() for _ in range(2)]
    difference = paired_difference(*same)
    assert (difference.mean, difference.low, difference.high, difference.p) == (0, 0, 0, 1)


def test_pairing_tells_apart_what_separate_intervals_cannot():
    counts = image_counts(60)
    right = np.einsum("ikk->ik", counts)
    moved = np.floor(0.02 * right).astype(np.int64)  # a fiftieth of the hits goes wrong
    worse = counts.copy()
    np.einsum("ikk->ik", worse)[:] -= moved
    worse[:, range(CLASSES), np.roll(range(CLASSES), 1)] += moved
    better, worse = (bootstrapped(each).mean_iou() for each in (counts, worse))
    assert interval(better)[0] < interval(worse)[1]
    difference = paired_difference(better, worse)
    assert 0 < difference.low < difference.mean < difference.high
    assert difference.p == pytest.approx(2 / 1001)
    swapped = paired_difference(worse, better)
    assert (swapped.low, swapped.p) == (pytest.approx(-difference.high), difference.p)


def test_absent_classes_and_images_are_left_out():
    counts = image_counts(20)
    counts[:, 3], counts[:, :, 3] = 0, 0
    ours = bootstrapped(counts, replicates=50)
    assert np.isnan(ours.iou()[:, 3]).all()
    np.testing.assert_allclose(ours.mean_iou(), ours.iou()[:, :3].mean(1))
    nothing = PoissonBootstrap(CLASSES, replicates=5).mean_iou()
    assert all(math.isnan(end) for end in interval(nothing))
    assert math.isnan(paired_difference(nothing, nothing).p)


def test_interval_holds_the_level():
    values = np.append(np.arange(1001) / 1000, np.nan)
    assert interval(values) == pytest.approx((0.025, 0.975))
    assert interval(values, 0.5) == pytest.approx((0.25, 0.75))


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match="no pair"):
        paired_difference(np.zeros(3), np.zeros(4))
    with pytest.raises(ConfigError, match=r"0\.95"):
        interval(np.zeros(3), 95)
    with pytest.raises(ConfigError, match="1 or more"):
        PoissonBootstrap(2, replicates=0)
