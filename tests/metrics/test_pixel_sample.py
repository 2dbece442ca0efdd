import pickle

import numpy as np
import pytest
import torch
from scipy import stats

from seg.errors import ConfigError, DataError
from seg.metrics.pixel_sample import LogProbabilitySample

IGNORE = 255


def image(index, pixels=300):
    """Log probabilities whose first class tells image and pixel apart; a tenth is ignored."""
    generator = np.random.default_rng(index)
    log_probabilities = np.log(generator.dirichlet(np.ones(3), pixels)).astype(np.float32).T
    log_probabilities[0] = -index - np.arange(pixels) / 1024
    label = generator.integers(0, 3, pixels).astype(np.uint8)
    label[generator.random(pixels) < 0.1] = IGNORE
    return f"folder/{index}", log_probabilities, label


def sampled(indices, **settings):
    sample = LogProbabilitySample(3, IGNORE, **settings)
    for index in indices:
        sample.update(*image(index))
    return sample


def test_order_and_processes_change_nothing():
    whole = sampled(range(40), capacity=500)
    merged = sampled(range(39, 0, -3), capacity=500)
    merged.merge(sampled([index for index in range(40) if index % 3 or not index], capacity=500))
    for expected, found in zip(whole.pixels(), merged.pixels(), strict=True):
        assert len(found) == len(merged) == 500
        assert np.array_equal(expected, found)
    assert not np.array_equal(
        whole.pixels()[0], sampled(range(40), capacity=500, seed=1).pixels()[0]
    )


def test_holds_all_labelled_pixels_while_they_fit():
    names, rows, labels = zip(*(image(index) for index in range(3)), strict=True)
    sample = sampled(range(3), capacity=10_000)
    found, label = sample.pixels()
    assert len(names) == 3
    counted = np.concatenate(labels) != IGNORE
    expected = np.concatenate(rows, axis=1).T[counted]
    order, expected_order = np.argsort(found[:, 0]), np.argsort(expected[:, 0])
    assert np.array_equal(found[order], expected[expected_order])
    assert np.array_equal(label[order], np.concatenate(labels)[counted][expected_order])


def test_is_uniform_over_images_and_bounded():
    sample = sampled(range(100), capacity=2000)
    rows, _ = sample.pixels()
    images = np.bincount(-np.ceil(rows[:, 0]).astype(int), minlength=100)
    assert stats.chisquare(images).pvalue > 0.01
    sizes = [len(pickle.dumps(sampled(range(count), capacity=50))) for count in (5, 60)]
    assert sizes[1] <= 1.5 * sizes[0]


def test_tensors_maps_and_zero_probabilities():
    name, rows, label = image(0)
    first, second = (LogProbabilitySample(3, IGNORE) for _ in range(2))
    rows[1, 5] = -np.inf
    first.update(name, rows, label)
    maps = torch.from_numpy(rows).double().view(3, 20, 15), torch.from_numpy(label).view(20, 15)
    second.update(name, *maps)
    for expected, found in zip(first.pixels(), second.pixels(), strict=True):
        assert np.isfinite(found).all()
        assert np.array_equal(expected, found)


def test_what_does_not_fit_is_refused():
    name, rows, label = image(0)
    with pytest.raises(DataError, match="expected"):
        LogProbabilitySample(4, IGNORE).update(name, rows, label)
    with pytest.raises(DataError, match="NaN"):
        LogProbabilitySample(3, IGNORE).update(name, np.full_like(rows, np.nan), label)
    with pytest.raises(DataError, match="seed"):
        LogProbabilitySample(3, IGNORE).merge(LogProbabilitySample(3, IGNORE, seed=1))
    with pytest.raises(ConfigError, match="1 or more"):
        LogProbabilitySample(3, IGNORE, capacity=0)
