"""Muon against torch's own on matrices, and against AdamW on everything else."""

import copy
from functools import partial

import pytest
import torch
from torch import nn

from seg.models.segmenter import create_model
from seg.optim.groups import ParameterGroups, create_optimizer
from seg.optim.muon import Muon, orthogonalized

LR, DECAY = 0.02, 0.1


def gradients(model, step):
    generator = torch.Generator().manual_seed(step)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator).to(parameter.dtype)


def moved(model, optimizer, steps=3):
    for step in range(steps):
        gradients(model, step)
        optimizer.step()
    return [parameter.detach().clone() for parameter in model.parameters()]


@pytest.mark.parametrize("shape", [(5, 12), (12, 5), (7, 7)])
def test_singular_values_lie_near_one_and_vectors_stay(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found = orthogonalized(matrix[None])[0]
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.6 and values.max() < 1.3
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    in_its_basis = left.T @ found @ right.T
    assert (in_its_basis - in_its_basis.diag().diag()).abs().max() < 1e-3


def test_matrices_move_as_with_torch():
    ours = nn.Linear(24, 16, bias=False)
    theirs = copy.deepcopy(ours)
    reference = torch.optim.Muon(
        theirs.parameters(), lr=LR, weight_decay=DECAY, adjust_lr_fn="match_rms_adamw"
    )
    found = moved(ours, Muon(ours.parameters(), lr=LR, weight_decay=DECAY))
    for one, other in zip(found, moved(theirs, reference), strict=True):
        assert (one - other).norm() < 2e-2 * other.norm()  # theirs iterates in bfloat16


def test_a_convolution_is_the_matrix_of_its_output_channels():
    conv, linear = nn.Conv2d(3, 8, 3, bias=False), nn.Linear(27, 8, bias=False)
    linear.load_state_dict({"weight": conv.weight.detach().flatten(1)})
    one, other = (Muon(each.parameters(), lr=LR, weight_decay=DECAY) for each in (conv, linear))
    assert torch.equal(moved(conv, one)[0].flatten(1), moved(linear, other)[0])


@pytest.mark.parametrize("fused", [None, True])
def test_what_is_no_matrix_moves_as_with_adamw(fused):
    ours = nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, groups=4))
    theirs = copy.deepcopy(ours)
    options = {"lr": LR, "weight_decay": DECAY, "fused": fused}
    found = moved(ours, Muon(ours.parameters(), **options))
    for one, other in zip(
        found, moved(theirs, torch.optim.AdamW(theirs.parameters(), **options)), strict=True
    ):
        assert torch.equal(one, other)


def test_gradients_stay_and_missing_ones_are_passed_over():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    before = copy.deepcopy(model.state_dict())
    optimizer = Muon(model.parameters(), lr=LR, weight_decay=DECAY)
    gradients(model[0], 0)
    kept = [parameter.grad.clone() for parameter in model[0].parameters()]
    optimizer.step()
    for parameter, gradient in zip(model[0].parameters(), kept, strict=True):
        assert torch.equal(parameter.grad, gradient)
    assert not torch.equal(model[0].weight, before["0.weight"])
    assert torch.equal(model[1].weight, before["1.weight"])


def test_it_goes_on_from_its_state():
    torch.manual_seed(0)
    whole = create_model("aligned_xception_micro", "feature_pyramid", num_classes=3)
    half = copy.deepcopy(whole)

    def optimizer_of(model):
        create = partial(Muon, lr=LR, weight_decay=DECAY)
        return create_optimizer(create, ParameterGroups()(model))

    expected = moved(whole, optimizer_of(whole), steps=4)
    first = optimizer_of(half)
    moved(half, first, steps=2)
    second = optimizer_of(half)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for step in (2, 3):
        gradients(half, step)
        second.step()
    for one, other in zip(half.parameters(), expected, strict=True):
        assert torch.equal(one, other)
