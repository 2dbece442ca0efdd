"""What is true of every loss: ignored pixels, absent classes, half precision, 1 and 150 classes."""

import pytest
import torch

from seg.losses.boundary import Boundary
from seg.losses.cross_entropy import CrossEntropy
from seg.losses.dice import Dice
from seg.losses.focal import Focal
from seg.losses.hard_pixel_mining import HardPixelMining, Ohem
from seg.losses.jaccard import Jaccard
from seg.losses.lovasz import Lovasz
from seg.losses.region_mutual_information import RegionMutualInformation
from seg.losses.tversky import Tversky

LOSSES = [
    *(CrossEntropy, Focal, HardPixelMining, Ohem, Tversky, Jaccard, Dice),
    *(Lovasz, Boundary, RegionMutualInformation),
]
HEIGHT, WIDTH = 24, 36
every_loss = pytest.mark.parametrize("kind", LOSSES, ids=lambda kind: kind.__name__)


def batch(classes: int, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    """Blocks of classes, the last of three or more absent; a third of one picture is ignored."""
    generator = torch.Generator().manual_seed(classes)
    logits = 2 * torch.randn(2, classes, HEIGHT, WIDTH, generator=generator)
    small = torch.randint(
        0, max(classes - 1, min(classes, 2)), (2, HEIGHT // 6, WIDTH // 6), generator=generator
    )
    label = small.repeat_interleave(6, 1).repeat_interleave(6, 2).byte()
    label[0, : HEIGHT // 3] = 255
    return logits.to(dtype).requires_grad_(), label


def loss_of(kind, classes: int):
    return kind(num_classes=classes, ignore_index=255)


@every_loss
def test_ignored_pixels_have_no_say(kind):
    logits, label = batch(5)
    value = loss_of(kind, 5)(logits, label)
    value.backward()
    assert torch.count_nonzero(logits.grad[0, :, : HEIGHT // 3]) == 0
    assert torch.count_nonzero(logits.grad[1, :, : HEIGHT // 3]) > 0
    changed = logits.detach().clone()
    changed[0, :, : HEIGHT // 3] = 50 * torch.randn(5, HEIGHT // 3, WIDTH)
    torch.testing.assert_close(loss_of(kind, 5)(changed, label), value.detach())


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_all_ignored_is_zero_with_zero_gradients(kind, dtype):
    logits, label = batch(5, dtype)
    value = loss_of(kind, 5)(logits, torch.full_like(label, 255))
    value.backward()
    assert value.item() == 0
    assert torch.count_nonzero(logits.grad) == 0
    assert torch.isfinite(logits.grad).all()


@every_loss
@pytest.mark.parametrize("classes", [1, 2, 150])
def test_any_number_of_classes(kind, classes):
    logits, label = batch(classes)
    value = loss_of(kind, classes)(logits, label)
    value.backward()
    assert value.dtype == torch.float32
    assert torch.isfinite(value)
    assert torch.isfinite(logits.grad).all()
    assert (torch.count_nonzero(logits.grad) > 0) == (classes > 1)


@every_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_gives_what_float32_gives_on_the_same_numbers(kind, dtype):
    logits, label = batch(5, dtype)
    value = loss_of(kind, 5)(logits, label)
    value.backward()
    exact = logits.detach().float().requires_grad_()
    expected = loss_of(kind, 5)(exact, label)
    expected.backward()
    torch.testing.assert_close(value, expected)
    # relative to the largest: what is smaller than a half can hold may come as zero
    gap = (logits.grad.float() - exact.grad).abs().max() / exact.grad.abs().max()
    assert gap < 0.01


@every_loss
def test_logits_of_any_size_keep_it_finite(kind):
    _, label = batch(5)
    right = label.where(label != 255, 0).long()
    for scale in (100.0, -100.0):
        logits = scale * torch.nn.functional.one_hot(right, 5).movedim(-1, 1).float()
        logits.requires_grad_()
        value = loss_of(kind, 5)(logits, label)
        value.backward()
        assert torch.isfinite(value)
        assert torch.isfinite(logits.grad).all()


@every_loss
def test_a_step_down_the_slope_lowers_it(kind):
    logits, label = batch(5)
    loss = loss_of(kind, 5)
    before = loss(logits, label)
    before.backward()
    with torch.no_grad():
        step = 0.05 * logits.grad / logits.grad.norm()
        assert loss(logits - step, label) < before
