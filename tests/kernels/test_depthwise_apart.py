"""Depthwise convolutions with taps far apart, and their gradients, against PyTorch's."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from seg.kernels.depthwise import DepthwiseConv2d
from seg.kernels.depthwise_apart import convolve


def nearness(found, expected) -> float:
    return float(((found.double() - expected).norm() / expected.norm()).detach())


@pytest.mark.parametrize(("dilation", "padding"), [((7, 7), (7, 7)), ((5, 12), (2, 20)), (1, 1)])
@pytest.mark.parametrize("far", [False, True])
@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)])
def test_values_and_gradients_are_those_of_torch(dilation, padding, far, dtype, allowed):
    dilation, padding = (
        (each, each) if isinstance(each, int) else each for each in (dilation, padding)
    )
    image = torch.randn(3, 20, 23, 18).to(dtype, memory_format=torch.channels_last)
    image.requires_grad_()
    weight = torch.randn(20, 1, 3, 3, requires_grad=True)
    found = convolve(image, weight, dilation, padding, far=far)
    others = [each.detach().double().requires_grad_() for each in (image, weight)]
    expected = functional.conv2d(*others, None, 1, padding, dilation, 20)
    assert found.dtype == dtype
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert nearness(found, expected) < allowed
    direction = torch.randn_like(expected)
    gradients = torch.autograd.grad(found, (image, weight), direction.to(dtype))
    references = torch.autograd.grad(expected, others, direction.to(dtype).double())
    assert [each.dtype for each in gradients] == [dtype, torch.float32]
    for ours, theirs in zip(gradients, references, strict=True):
        assert nearness(ours, theirs) < allowed


def test_the_number_of_threads_changes_no_bit():
    def gradient():
        weight = torch.ones(32, 1, 3, 3, requires_grad=True)
        convolve(image, weight, (8, 8), (8, 8), far=True).square().sum().backward()
        return weight.grad

    image, threads = torch.randn(2, 32, 40, 24), torch.get_num_threads()
    first = gradient()
    torch.set_num_threads(3)
    try:
        assert torch.equal(gradient(), first)
    finally:
        torch.set_num_threads(threads)


def test_a_second_derivative_is_refused():
    image = torch.randn(1, 4, 20, 20, requires_grad=True)
    output = convolve(image, torch.ones(4, 1, 3, 3), (8, 8), (8, 8), far=True)
    (gradient,) = torch.autograd.grad(output.square().sum(), image, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize(("dilation", "far"), [(2, False), (9, True)])
def test_wide_modules_train_by_it_in_channels_last(autocast, dilation, far, monkeypatch):
    calls = []
    monkeypatch.setattr(
        "seg.kernels.depthwise_apart.convolve",
        lambda *given, far: calls.append(far) or convolve(*given, far=far),
    )

    def trained(conv, memory_format):
        conv = copy.deepcopy(conv)
        calls.clear()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            output = conv(image.to(memory_format=memory_format))
        output.float().square().sum().backward()
        return output, conv.weight.grad, list(calls)

    conv = DepthwiseConv2d(128, 128, 3, padding=dilation, dilation=dilation, groups=128, bias=False)
    image = torch.randn(2, 128, 30, 30)
    ours, our_gradient, used = trained(conv, torch.channels_last)
    theirs, their_gradient, unused = trained(conv, torch.contiguous_format)
    assert (used, unused) == ([far], [])
    assert ours.dtype == theirs.dtype == (torch.bfloat16 if autocast else torch.float32)
    allowed = 2e-2 if autocast else 1e-5
    assert nearness(ours, theirs.double()) < allowed
    assert nearness(our_gradient, their_gradient.double()) < allowed
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        calls.clear()
        again = conv(image.to(memory_format=torch.channels_last))
        assert calls == [True] * far
        assert nearness(again, theirs.double()) < allowed


def test_where_loops_do_not_gain_modules_are_torchs_to_the_bit(monkeypatch):
    monkeypatch.setattr("seg.kernels.depthwise_apart.convolve", None)
    image = torch.randn(2, 128, 30, 30).to(memory_format=torch.channels_last)
    beside = DepthwiseConv2d(128, 128, 3, groups=128, bias=False)
    few = DepthwiseConv2d(64, 64, 3, dilation=2, groups=64, bias=False)
    apart = DepthwiseConv2d(128, 128, 3, dilation=2, groups=128, bias=False)
    for conv in (beside, few):
        given = image[:, : conv.in_channels].contiguous(memory_format=torch.channels_last)
        assert torch.equal(conv(given), nn.Conv2d.forward(conv, given))
    with torch.no_grad():
        assert torch.equal(apart(image), nn.Conv2d.forward(apart, image))
