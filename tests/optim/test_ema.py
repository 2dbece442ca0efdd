"""Averages against their recursion in float64."""

import pytest
import torch

from seg.optim.ema import copy_weights, decay_at, update_average


def test_the_average_is_its_recursion():
    generator = torch.Generator().manual_seed(0)
    steps = [{"w": torch.randn(5, generator=generator), "n": torch.tensor(i)} for i in range(6)]
    average = copy_weights(steps[0])
    expected = steps[0]["w"].double()
    for weights in steps[1:]:
        update_average(average, weights, 0.9)
        expected = 0.9 * expected + 0.1 * weights["w"].double()
    torch.testing.assert_close(average["w"].double(), expected, rtol=1e-6, atol=1e-6)
    assert average["n"] == 5
    assert steps[0]["n"] == 0


@pytest.mark.parametrize(("step", "decay"), [(0, 0.1), (1, 2 / 11), (90, 0.9), (10_000, 0.9)])
def test_the_decay_grows_up_to_its_value(step, decay):
    """tf.train.ExponentialMovingAverage(0.9, num_updates=step)."""
    assert decay_at(step, 0.9) == pytest.approx(decay)
