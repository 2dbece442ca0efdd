import math

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from torch.nn import functional

from seg.errors import DataError
from seg.metrics.pixel_sample import LogProbabilitySample
from seg.metrics.temperature import (
    HIGHEST,
    LOWEST,
    fit_temperature,
    tempered_reliability,
)


def sample_of(logits_NK, labels, **settings):
    sample = LogProbabilitySample(logits_NK.shape[1], 255, **settings)
    sample.update("image", log_softmax(logits_NK, axis=1).T, labels)
    return sample


def honest(classes, pixels=20_000, seed=0):
    """Logits and labels drawn from their softmax: the temperature of these logits is 1."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(scale=2, size=(pixels, classes))
    labels = (logits + generator.gumbel(size=logits.shape)).argmax(1)
    return logits, labels


@pytest.mark.parametrize("classes", [2, 19])
@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_recovers_a_known_temperature_and_calibrates(classes, temperature):
    logits, labels = honest(classes)
    sample = sample_of(logits * temperature, labels)
    fitted = fit_temperature(sample)
    assert fitted == pytest.approx(temperature, rel=0.03)
    after = tempered_reliability(sample, fitted).ece()
    assert after < 0.015
    if temperature != 1:
        assert tempered_reliability(sample, 1.0).ece() > 3 * after


def test_equals_a_grid_search_of_torch_cross_entropy():
    logits, labels = honest(5, pixels=3000)
    sample = sample_of(2 * logits, labels)
    rows, kept = (torch.from_numpy(part) for part in sample.pixels())
    grid = np.linspace(1.8, 2.2, 201)
    losses = [functional.cross_entropy(rows.double() / t, kept).item() for t in grid]
    assert fit_temperature(sample) == pytest.approx(grid[np.argmin(losses)], abs=2e-3)


def test_logits_do_as_well_as_log_probabilities():
    logits, labels = honest(5, pixels=3000)
    plain = LogProbabilitySample(5, 255)
    plain.update("image", 2 * logits.T, labels)
    expected = fit_temperature(sample_of(2 * logits, labels))
    assert fit_temperature(plain) == pytest.approx(expected, rel=1e-5)


def test_reliability_at_temperature_one_is_that_of_the_predictions():
    logits, labels = honest(4, pixels=1000)
    bins = tempered_reliability(sample_of(logits, labels), 1.0, num_bins=10)
    diagram = bins.diagram()
    assert diagram.pixels.sum() == 1000
    right = (logits.argmax(1) == labels).mean()
    assert np.nansum(diagram.accuracy * diagram.pixels) == pytest.approx(1000 * right)


def test_no_minimum_inside_the_range():
    logits = np.array([[2.0, 0.0], [1.0, 0.0]])
    assert fit_temperature(sample_of(logits, np.array([0, 0]))) == LOWEST
    assert fit_temperature(sample_of(logits, np.array([1, 1]))) == HIGHEST
    assert fit_temperature(sample_of(np.zeros((3, 3)), np.array([0, 1, 1]))) == 1
    assert fit_temperature(sample_of(np.zeros((3, 1)), np.array([0, 0, 0]))) == 1


def test_one_class_with_misses_has_a_temperature():
    logits = np.array([[4.0, 0.0]] * 9 + [[0.0, 4.0]])
    # nine of ten right: softmax(4 / T) = 0.9
    expected = 4 / math.log(9)
    assert fit_temperature(sample_of(logits, np.zeros(10, int))) == pytest.approx(expected)


def test_an_empty_sample_is_told():
    empty = sample_of(np.zeros((3, 2)), np.full(3, 255))
    with pytest.raises(DataError, match="ignored"):
        fit_temperature(empty)
    assert math.isnan(tempered_reliability(empty, 1.0).ece())
