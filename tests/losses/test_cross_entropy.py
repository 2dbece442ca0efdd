import math

import pytest
import torch
from torch.nn import functional

from seg.errors import ConfigError
from seg.losses.cross_entropy import CrossEntropy


def batch(classes=5):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, classes, 6, 7, generator=generator, requires_grad=True)
    label = torch.randint(0, classes, (2, 6, 7), generator=generator)
    label[:, :2] = 255
    return logits, label.byte()


@pytest.mark.parametrize("weights", [None, [1.0, 0.5, 2.0, 0.0, 3.0]])
def test_equals_torch(weights):
    logits, label = batch()
    expected = functional.cross_entropy(
        logits, label.long(), weights and torch.tensor(weights), ignore_index=255
    )
    loss = CrossEntropy(num_classes=5, ignore_index=255, class_weights=weights)(logits, label)
    torch.testing.assert_close(loss, expected)


def test_all_ignored_is_zero_with_zero_gradients():
    logits, label = batch()
    loss = CrossEntropy(num_classes=5, ignore_index=255)(logits, torch.full_like(label, 255))
    loss.backward()
    assert loss.item() == 0
    assert torch.count_nonzero(logits.grad) == 0


def test_half_precision_logits_are_summed_in_float32():
    label = torch.zeros(1, 512, 512, dtype=torch.uint8)
    loss = CrossEntropy(num_classes=2, ignore_index=255)(torch.zeros(1, 2, 512, 512).half(), label)
    assert loss.item() == pytest.approx(math.log(2), rel=1e-5)


@pytest.mark.parametrize(
    ("weights", "message"), [([1.0], "1 weights for 5 classes"), ([1.0] * 4 + [-1.0], "negative")]
)
def test_wrong_weights(weights, message):
    with pytest.raises(ConfigError, match=message):
        CrossEntropy(num_classes=5, ignore_index=255, class_weights=weights)
