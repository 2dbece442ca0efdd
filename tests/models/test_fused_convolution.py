"""Convolutions by oneDNN's own call, a ReLU inside, against PyTorch's in double precision."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from seg.models.fused_convolution import FusedConv2d, fused
from seg.models.inference_optimization import FASTER_CONVOLUTIONS, fuse_relus, replace_modules

KINDS = [
    {"kernel_size": 1},
    {"kernel_size": 1, "stride": 2, "bias": False},
    {"kernel_size": 3, "padding": 2, "dilation": 2},
    {"kernel_size": 3, "padding": 1, "groups": 16},
    {"kernel_size": 3, "padding": (1, 0), "stride": (1, 2), "groups": 16, "bias": False},
]


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)])
def test_equal_to_torch(options, relu, dtype, allowed, relative_error):
    conv = nn.Conv2d(16, 16, **options).requires_grad_(False).to(dtype)
    other = FusedConv2d(conv)
    other.relu = relu
    reference = copy.deepcopy(conv).double()
    for size in ((13, 18), (9, 7)):
        image_BCHW = torch.randn(2, 16, *size).to(dtype, memory_format=torch.channels_last)
        with torch.inference_mode():
            found, expected = other(image_BCHW), reference(image_BCHW.double())
        assert other._packed is not None  # this was oneDNN's own call
        assert found.dtype == dtype
        assert found.is_contiguous(memory_format=torch.channels_last)
        expected = functional.relu(expected) if relu else expected
        assert relative_error(found.double(), expected) < allowed


def test_gradients_other_layouts_and_autocast_are_left_to_torch():
    conv = nn.Conv2d(4, 4, 3)
    other = FusedConv2d(conv)
    other.relu = True
    image_BCHW = torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        assert other(image_BCHW).is_contiguous()
    image_BCHW = image_BCHW.contiguous(memory_format=torch.channels_last)
    expected = functional.relu(conv(image_BCHW))
    assert torch.equal(other(image_BCHW), expected)
    other(image_BCHW).sum().backward()
    assert conv.weight.grad is not None
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert other(image_BCHW).dtype == torch.bfloat16
    assert other._packed is None


def test_a_copy_follows_its_own_weights():
    other = FusedConv2d(nn.Conv2d(4, 4, 3, bias=False).requires_grad_(False))
    image_BCHW = torch.randn(1, 4, 8, 8).to(memory_format=torch.channels_last)
    with torch.no_grad():
        first = other(image_BCHW)
        twin = copy.deepcopy(other)
        twin.weight.mul_(2)
        torch.testing.assert_close(twin(image_BCHW), 2 * first)


def test_which_convolutions_are_replaced():
    assert isinstance(fused(nn.Conv2d(3, 4, 1)), FusedConv2d)
    assert fused(nn.Conv2d(3, 4, 3, padding="same")) is None
    assert fused(nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect")) is None


class _Tapped(nn.Module):
    """A ReLU after its convolution, one whose input is wanted twice, one that runs twice."""

    def __init__(self) -> None:
        super().__init__()
        self.plain = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
        self.tapped = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU())
        self.twice = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU())

    def forward(self, x_BCHW):
        raw = self.tapped[0](self.plain(x_BCHW))
        return self.twice(self.twice(self.tapped[1](raw) + raw))


def test_only_relus_that_nothing_else_asks_for_are_fused():
    network = _Tapped().requires_grad_(False)
    image_BCHW = torch.randn(2, 3, 9, 9).to(memory_format=torch.channels_last)
    expected = network(image_BCHW)
    replace_modules(network, FASTER_CONVOLUTIONS)
    assert fuse_relus(network, lambda: network(image_BCHW)) == ["plain.1"]
    with torch.no_grad():
        torch.testing.assert_close(network(image_BCHW), expected)
