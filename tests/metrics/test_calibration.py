import math

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from seg.errors import ConfigError, DataError
from seg.metrics.calibration import ReliabilityBins


@pytest.mark.parametrize("num_bins", [1, 10, 15, 100])
@pytest.mark.parametrize("classes", [2, 19])
def test_equals_torchmetrics(classes, num_bins):
    generator = torch.Generator().manual_seed(classes)
    probability = torch.randn(4000, classes, generator=generator).mul(2).softmax(1)
    label = torch.multinomial(probability.sqrt(), 1, generator=generator)[:, 0]
    bins = ReliabilityBins(num_bins)
    for part in (slice(0, 1500), slice(1500, 1500), slice(1500, None)):
        confidence, predicted = probability[part].max(1)
        bins.update(confidence, predicted == label[part])
    expected = multiclass_calibration_error(probability, label, classes, n_bins=num_bins)
    assert bins.ece() == pytest.approx(expected.item(), abs=1e-5)


def test_diagram_of_known_pixels():
    bins = ReliabilityBins(4)
    bins.update(np.float32([0.0, 0.25, 0.3125, 0.5, 1.0, 1.0]), np.array([0, 1, 0, 1, 1, 0], bool))
    diagram = bins.diagram()
    assert diagram.edges.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert diagram.pixels.tolist() == [2, 2, 0, 2]
    np.testing.assert_array_equal(diagram.confidence, [0.125, 0.40625, np.nan, 1])
    np.testing.assert_array_equal(diagram.accuracy, [0.5, 0.5, np.nan, 0.5])
    assert bins.ece() == pytest.approx((2 * 0.375 + 2 * 0.09375 + 2 * 0.5) / 6)


def test_half_precision_and_numpy_agree():
    generator = torch.Generator().manual_seed(0)
    confidence = torch.rand(6, 7, generator=generator).bfloat16()
    right = torch.rand(6, 7, generator=generator) < 0.5
    first, second = ReliabilityBins(), ReliabilityBins()
    first.update(confidence, right)
    second.update(confidence.float().numpy(), right.numpy())
    assert np.array_equal(first.sums()["reliability"], second.sums()["reliability"])


def test_nothing_added_and_no_probability():
    assert math.isnan(ReliabilityBins().ece())
    for confidence in (float("nan"), 1.1, -0.1):
        with pytest.raises(DataError, match="0 to 1"):
            ReliabilityBins().update(np.float32([0.5, confidence]), np.array([True, False]))
    with pytest.raises(DataError, match="2 confidences"):
        ReliabilityBins().update(np.float32([0.5, 0.5]), np.array([True]))
    for num_bins in (0, 101):
        with pytest.raises(ConfigError, match="1 to 100"):
            ReliabilityBins(num_bins)
