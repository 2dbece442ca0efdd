import pytest
import torch

from seg.errors import ConfigError
from seg.losses.cross_entropy import CrossEntropy
from seg.losses.tversky import Jaccard
from seg.losses.weighted_sum import WeightedSum

FACTS = {"num_classes": 4, "ignore_index": 255}


def batch(dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 6, 7, generator=generator).to(dtype).requires_grad_()
    label = torch.randint(0, 3, (2, 6, 7), generator=generator).byte()  # class 3 is absent
    label[:, :2] = 255
    return logits, label


def by_definition(logits, label):
    """Class by class, pixel by pixel."""
    probability = logits.double().softmax(1)
    losses = []
    for k in range(3):
        overlap = area = predicted = 0.0
        for image, row, column in (label != 255).nonzero().tolist():
            p = probability[image, k, row, column].item()
            inside = label[image, row, column].item() == k
            overlap, area, predicted = overlap + p * inside, area + inside, predicted + p
        losses.append(1 - overlap / (area + predicted - overlap))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_equals_its_definition(dtype):
    logits, label = batch(dtype)
    loss = Jaccard(**FACTS)(logits, label)
    assert loss.item() == pytest.approx(by_definition(logits, label), rel=1e-5)
    loss.backward()
    assert torch.isfinite(logits.grad).all()
    assert torch.count_nonzero(logits.grad[:, :, :2]) == 0, "ignored pixels have no say"


def test_all_ignored_is_zero_with_zero_gradients():
    logits, label = batch()
    loss = Jaccard(**FACTS)(logits, torch.full_like(label, 255))
    loss.backward()
    assert loss.item() == 0
    assert torch.count_nonzero(logits.grad) == 0


def test_a_perfect_prediction_costs_nothing():
    _, label = batch()
    right = torch.where(label == 255, 0, label).long()
    logits = 100 * torch.nn.functional.one_hot(right, 4).permute(0, 3, 1, 2).float()
    assert Jaccard(**FACTS)(logits, label).item() == pytest.approx(0, abs=1e-6)


def test_weighted_sum():
    logits, label = batch()
    both = WeightedSum(**FACTS, terms=[CrossEntropy, Jaccard], weights=[0.5, 2])
    expected = 0.5 * CrossEntropy(**FACTS)(logits, label) + 2 * Jaccard(**FACTS)(logits, label)
    torch.testing.assert_close(both(logits, label), expected)
    with pytest.raises(ConfigError, match="1 weights for 2 terms"):
        WeightedSum(**FACTS, terms=[CrossEntropy, Jaccard], weights=[1])
