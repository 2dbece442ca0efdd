"""Pseudo labels, their loss and its ramp, by hand."""

import math

import pytest
import torch

from seg.distillation.pseudo_labels import masked_cross_entropy, pseudo_labels, sigmoid_ramp

IGNORED = 255


def logits_of(*probabilities):
    """One row of pixels, from the probabilities of each."""
    return torch.tensor(probabilities).log().T[None, :, None]


def test_only_confident_pixels_are_labelled():
    logits = logits_of((0.95, 0.03, 0.02), (0.1, 0.85, 0.05), (0.05, 0.05, 0.9), (0.4, 0.3, 0.3))
    found = pseudo_labels(logits + 7, threshold=0.88, ignore_index=IGNORED)
    assert found.dtype == torch.uint8
    assert found.tolist() == [[[0, IGNORED, 2, IGNORED]]]


def test_the_loss_is_a_mean_over_all_pixels():
    logits = logits_of((0.5, 0.25, 0.25), (0.1, 0.8, 0.1), (0.2, 0.2, 0.6))
    label = torch.tensor([[[0, IGNORED, 1]]], dtype=torch.uint8)
    found = masked_cross_entropy(logits, label, torch.tensor(3), ignore_index=IGNORED)
    assert found.item() == pytest.approx((-math.log(0.5) - math.log(0.2)) / 3)


@pytest.mark.parametrize("pixels", [0, 6])
def test_nothing_confident(pixels):
    logits = torch.randn(1, 3, 2, 3, requires_grad=True)
    label = torch.full((1, 2, 3), IGNORED, dtype=torch.uint8)
    loss = masked_cross_entropy(logits, label, torch.tensor(pixels), ignore_index=IGNORED)
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_the_ramp():
    assert sigmoid_ramp(0, 80) == pytest.approx(0.006737947)  # e^-5
    assert sigmoid_ramp(40, 80) == pytest.approx(0.2865048)  # e^-1.25
    assert [sigmoid_ramp(step, 80) for step in (80, 500)] == [1, 1]
    assert sigmoid_ramp(0, 0) == 1
