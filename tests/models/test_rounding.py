"""Weights in half types: the errors of a row have no sum."""

import copy

import pytest
import torch
from torch import nn

from seg.models.rounding import round_weights
from seg.models.segmenter import create_model
from tests.models.conftest import settled


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("groups", [1, 8])
def test_weights_go_to_a_neighbour_and_rows_keep_their_sum(dtype: torch.dtype, groups: int):
    conv = nn.Conv2d(8, 24, 3, groups=groups).double()
    before = conv.weight.detach().clone()
    round_weights(nn.Sequential(conv), dtype)
    after = conv.weight.detach()
    assert after.dtype == before.dtype
    torch.testing.assert_close(after.to(dtype).double(), after, rtol=0, atol=0)
    kind = torch.finfo(dtype)  # eps is the step from 1 to 2; below tiny, steps are all alike
    assert bool(((after - before).abs() <= kind.eps * before.abs().clamp(min=kind.tiny)).all())
    sums = (after - before).flatten(1).sum(1).abs()
    nearest = (before.to(dtype).double() - before).flatten(1).sum(1).abs()
    assert bool((sums <= nearest).all())
    assert float(sums.mean()) < 0.5 * float(nearest.mean())


@pytest.mark.gpu
def test_a_card_rounds_as_a_cpu():
    conv = nn.Conv2d(64, 32, 3)
    other = copy.deepcopy(conv).cuda()
    for each in (conv, other):
        round_weights(nn.Sequential(each), torch.bfloat16)
    assert torch.equal(conv.weight, other.weight.cpu())


def test_it_makes_tensors_on_the_weights_device_alone():
    round_weights(nn.Sequential(nn.Conv2d(4, 4, 3, device="meta")), torch.bfloat16)


def test_a_type_that_weights_have_changes_nothing():
    conv = nn.Conv2d(4, 4, 1)
    before = conv.weight.detach().clone()
    round_weights(nn.Sequential(conv), torch.float32)
    assert torch.equal(conv.weight, before)


@pytest.mark.parametrize("kind", ["relu", "smooth"])
def test_outputs_stay_closer_than_with_the_nearest_values(kind: str):
    generator = torch.Generator().manual_seed(0)
    if kind == "relu":
        conv, x_BCHW = nn.Conv2d(512, 64, 1), torch.randn(1, 512, 8, 8, generator=generator).relu()
    else:
        conv, coarse_BCHW = (
            nn.Conv2d(64, 64, 3, groups=64),
            torch.randn(1, 64, 4, 4, generator=generator),
        )
        x_BCHW = nn.functional.interpolate(coarse_BCHW, size=(32, 32), mode="bicubic")
    nn.init.normal_(conv.weight, generator=generator)
    nearest, rounded = copy.deepcopy(conv), nn.Sequential(copy.deepcopy(conv))
    nearest.bfloat16().float()
    round_weights(rounded, torch.bfloat16)
    with torch.no_grad():
        expected = conv(x_BCHW)
        lost = [float((each(x_BCHW) - expected).norm()) for each in (rounded, nearest)]
    assert 0 < lost[0] < 0.9 * lost[1]


def test_weights_beside_zero_stay_finite():
    conv = nn.Conv2d(4, 1, 1)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([1e-42, -1e-42, 1.0, 1 + 2**-9]).view(1, 4, 1, 1))
    before = conv.weight.detach().clone()
    round_weights(nn.Sequential(conv), torch.bfloat16)
    torch.testing.assert_close(conv.weight.detach(), before, rtol=2**-7, atol=1e-38)


def test_optimize_rounds_so():
    model = settled(create_model("aligned_xception_micro", "feature_pyramid", num_classes=5))
    wanted = model.optimize(replacements={})
    round_weights(wanted, torch.bfloat16)
    found = model.optimize(dtype=torch.bfloat16, replacements={}).state_dict()
    for name, value in wanted.state_dict().items():
        torch.testing.assert_close(found[name], value.to(found[name].dtype), rtol=0, atol=0)
