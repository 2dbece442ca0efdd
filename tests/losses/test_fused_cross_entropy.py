"""Losses of coarse logits against PyTorch's resize and cross entropy, one after the other."""

import pytest
import torch
from torch.nn import functional

from seg.kernels.resize import Resize
from seg.losses import cross_entropy, fused_cross_entropy
from seg.losses.cross_entropy import CrossEntropy, accepts_coarse_logits
from seg.losses.focal import Focal
from seg.losses.fused_cross_entropy import upsampled_cross_entropy
from seg.losses.hard_pixel_mining import HardPixelMining, Ohem
from seg.losses.tversky import Jaccard
from seg.losses.weighted_sum import WeightedSum
from seg.models.coarse_logits import CoarseLogits

GRID, KEPT = (65, 81), (61, 80)
WEIGHTS = [1.0, 0.5, 2.0, 0.0, 3.0]
FACTS = {"num_classes": 5, "ignore_index": 255}


@pytest.fixture(autouse=True)
def _many_small_tiles(monkeypatch):
    monkeypatch.setitem(fused_cross_entropy._TILE_BYTES, "cpu", 2**13)
    monkeypatch.setattr(cross_entropy, "_FUSED_FROM_BYTES", 0)


def batch(classes=5, dtype=torch.float32):
    generator = torch.Generator().manual_seed(classes)
    values = 2 * torch.randn(2, classes, 17, 21, generator=generator)
    label = torch.randint(0, classes, (2, *KEPT), generator=generator).byte()
    label[0, :20] = 255
    return values.to(dtype).requires_grad_(), label


def coarse(values):
    return CoarseLogits(values, Resize(GRID, KEPT, align_corners=True))


def gap(found, expected):
    return (found - expected).abs().max() / expected.abs().max()


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_pixels_and_gradients_are_those_of_torch(align_corners, weights, smoothing):
    weight = None if weights is None else torch.tensor(weights)
    values, label = batch()
    of_pixel = torch.rand(2, *KEPT, generator=torch.Generator().manual_seed(1))
    resize = Resize(GRID, KEPT, align_corners)
    found = upsampled_cross_entropy(values, label, resize, 255, weight, label_smoothing=smoothing)
    found.backward(of_pixel)
    again = values.detach().clone().requires_grad_()
    logits = functional.interpolate(again, GRID, mode="bilinear", align_corners=align_corners)
    expected = functional.cross_entropy(
        logits[..., : KEPT[0], : KEPT[1]],
        label.long(),
        weight,
        ignore_index=255,
        reduction="none",
        label_smoothing=smoothing,
    )
    expected.backward(of_pixel)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert gap(values.grad, again.grad) < 2e-6


def test_the_gradient_is_the_slope():
    values, label = batch(3, torch.float64)
    weight = torch.tensor([1.0, 2.0, 0.5]).double()
    small = values.detach()[:, :, :3, :4].requires_grad_()
    resize = Resize((9, 13), (8, 13), align_corners=True)

    def losses(logits):
        inputs = logits, label[:, 15:23, :13], resize, 255, weight
        return upsampled_cross_entropy(*inputs, label_smoothing=0.25)

    assert torch.autograd.gradcheck(losses, small)


LEAN = [
    CrossEntropy(**FACTS),
    CrossEntropy(**FACTS, class_weights=WEIGHTS, label_smoothing=0.1),
    Focal(**FACTS, class_weights=WEIGHTS),
    HardPixelMining(**FACTS, class_weights=WEIGHTS),
    Ohem(**FACTS),
    Ohem(**FACTS, class_weights=WEIGHTS),
]
every_lean_loss = pytest.mark.parametrize("loss", LEAN, ids=lambda loss: type(loss).__name__)


@every_lean_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_loss_of_coarse_logits_is_that_of_resized_ones(loss, dtype):
    assert accepts_coarse_logits(loss)
    values, label = batch(dtype=dtype)
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(coarse(values), label)
    found.backward()
    exact = values.detach().float().requires_grad_()
    expected = loss(coarse(exact).resized(), label)
    expected.backward()
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
    assert gap(values.grad.float(), exact.grad) < (2e-6 if dtype == torch.float32 else 4e-3)


@every_lean_loss
def test_small_logits_are_resized_at_once_with_the_same_result(loss, monkeypatch):
    values, label = batch()
    tiled = loss(coarse(values), label)
    monkeypatch.undo()
    torch.testing.assert_close(loss(coarse(values), label), tiled, rtol=1e-5, atol=0)


def test_a_sum_resizes_for_the_terms_that_are_not_lean():
    values, label = batch()
    loss = WeightedSum(**FACTS, terms=[CrossEntropy, Jaccard], weights=[0.5, 2])
    assert accepts_coarse_logits(loss)
    assert not accepts_coarse_logits(WeightedSum(**FACTS, terms=[Jaccard], weights=[1]))
    found = loss(coarse(values), label)
    found.backward()
    exact = values.detach().requires_grad_()
    expected = loss(coarse(exact).resized(), label)
    expected.backward()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
    assert gap(values.grad, exact.grad) < 2e-6


@every_lean_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_all_ignored_is_zero_with_zero_gradients(loss, dtype):
    values, label = batch(dtype=dtype)
    value = loss(coarse(values), torch.full_like(label, 255))
    value.backward()
    assert value.item() == 0
    assert torch.count_nonzero(values.grad) == 0


@pytest.mark.parametrize("classes", [1, 2, 150])
def test_any_number_of_classes(classes):
    values, label = batch(classes)
    loss = CrossEntropy(num_classes=classes, ignore_index=255)
    found = loss(coarse(values), label)
    found.backward()
    torch.testing.assert_close(found, loss(coarse(values).resized(), label))
    assert torch.isfinite(values.grad).all()
    assert (torch.count_nonzero(values.grad) > 0) == (classes > 1)


def test_the_same_numbers_again_and_in_channels_last():
    def gradient(values, label):
        CrossEntropy(**FACTS)(coarse(values), label).backward()
        return values.grad

    values, label = batch()
    last = values.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    first = gradient(values, label)
    assert torch.equal(gradient(batch()[0], label), first)
    assert torch.equal(gradient(last, label), first)


def test_labels_of_another_size_are_refused():
    values, label = batch()
    with pytest.raises(ValueError, match="labels"):
        CrossEntropy(**FACTS)(coarse(values), label[:, 1:])
