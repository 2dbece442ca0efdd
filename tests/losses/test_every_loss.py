"""What is true of every loss in `conf/loss`, and of every term of one, whoever wrote it.

Ignored pixels, absent classes, half precision, 1 and 150 classes.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from seg.build.instantiate import build
from seg.config.conf_dir import option_files
from seg.config.options import read_option
from seg.losses.cross_entropy import compute_loss
from seg.losses.mask_loss import IGNORED, MaskLoss, takes_classes, takes_masks


def losses() -> Iterator[Any]:
    """Each option, then each class that options name as a term alone."""
    nodes = {file.stem: unweighted(read_option("loss", file.stem)) for file in option_files("loss")}
    alone = {node["_target_"] for node in nodes.values()}
    for term in [term for node in nodes.values() for term in node.get("terms", ())]:
        if term["_target_"] not in alone:
            alone.add(term["_target_"])
            nodes[term["_target_"]] = {k: v for k, v in term.items() if k != "_partial_"}
    for name, node in nodes.items():
        kind, id_ = partial(build, "loss", node), name.rpartition(".")[2]
        loss = kind(num_classes=5, ignore_index=255)
        if takes_classes(loss):
            yield pytest.param(kind, id=id_)
        if takes_masks(loss):
            yield pytest.param(partial(of_masks, kind), id=f"{id_}-masks")


def of_masks(kind, num_classes: int, ignore_index: int) -> MaskLoss:
    """Build a loss of masks, for labels of which each class is one output."""
    loss = kind(num_classes=num_classes, ignore_index=IGNORED)
    return MaskLoss(loss, np.eye(num_classes, dtype=bool), ignore_index)


def unweighted(node: Any) -> Any:
    """Without weights of the classes of one data set."""
    if isinstance(node, dict):
        return {key: unweighted(value) for key, value in node.items() if key != "class_weights"}
    return [unweighted(each) for each in node] if isinstance(node, list) else node


HEIGHT, WIDTH = 24, 36
every_loss = pytest.mark.parametrize("kind", [*losses()])


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
    """A loss as a training computes it: of labels that it takes."""
    return partial(compute_loss, kind(num_classes=classes, ignore_index=255))


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
    loss = kind(num_classes=classes, ignore_index=255)
    value = compute_loss(loss, logits, label)
    value.backward()
    assert value.dtype == torch.float32
    assert torch.isfinite(value)
    assert torch.isfinite(logits.grad).all()
    learns = classes > 1 or isinstance(loss, MaskLoss)
    assert (torch.count_nonzero(logits.grad) > 0) == learns


@every_loss
def test_labels_of_16_bits_give_the_same(kind):
    logits, label = batch(5)
    value = loss_of(kind, 5)(logits, label)
    wide = kind(num_classes=5, ignore_index=65535)
    again = compute_loss(wide, logits, label.int().where(label != 255, 65535))
    assert torch.equal(again, value)


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
