"""Depthwise convolutions with taps far apart, and their gradients, against PyTorch's."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from seg.kernels import dispatch
from seg.kernels.depthwise import DepthwiseConv2d, patch_dilated_depthwise
from seg.kernels.depthwise_dilated import convolve
from seg.models.encoders import create_encoder
from seg.models.segmenter import create_model


def nearness(found, expected) -> float:
    return float(((found.double() - expected).norm() / expected.norm()).detach())


PLACES = [
    ((1, 1), (7, 7), (7, 7)),
    ((1, 1), (5, 12), (2, 20)),
    ((1, 1), (1, 1), (1, 1)),
    ((2, 2), (1, 1), (1, 1)),
    ((2, 3), (2, 1), (0, 3)),
    ((3, 2), (1, 4), (2, 4)),
]


@pytest.mark.parametrize("places", PLACES, ids=str)
@pytest.mark.parametrize("far", [False, True])
@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)])
def test_values_and_gradients_are_those_of_torch(places, far, dtype, allowed):
    image = torch.randn(3, 20, 23, 18).to(dtype, memory_format=torch.channels_last)
    image.requires_grad_()
    weight = torch.randn(20, 1, 3, 3, requires_grad=True)
    found = convolve(image, weight, places, far=far)
    others = [each.detach().double().requires_grad_() for each in (image, weight)]
    stride, dilation, padding = places
    expected = functional.conv2d(*others, None, stride, padding, dilation, 20)
    assert found.dtype == dtype
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert nearness(found, expected) < allowed
    direction = torch.randn_like(expected)
    gradients = torch.autograd.grad(found, (image, weight), direction.to(dtype))
    references = torch.autograd.grad(expected, others, direction.to(dtype).double())
    assert [each.dtype for each in gradients] == [dtype, torch.float32]
    for ours, theirs in zip(gradients, references, strict=True):
        assert nearness(ours, theirs) < allowed


@pytest.mark.parametrize("places", [PLACES[0], PLACES[3]], ids=str)
def test_the_number_of_threads_changes_no_bit(places):
    def gradient():
        weight = torch.ones(32, 1, 3, 3, requires_grad=True)
        output = convolve(image, weight, places, far=True)
        return torch.cat(
            [each.flatten() for each in torch.autograd.grad(output.square().sum(), (image, weight))]
        )

    image = torch.randn(2, 32, 40, 24, requires_grad=True)
    threads = torch.get_num_threads()
    first = gradient()
    torch.set_num_threads(3)
    try:
        assert torch.equal(gradient(), first)
    finally:
        torch.set_num_threads(threads)


def test_a_second_derivative_is_refused():
    image = torch.randn(1, 4, 20, 20, requires_grad=True)
    output = convolve(image, torch.ones(4, 1, 3, 3), PLACES[0], far=True)
    (gradient,) = torch.autograd.grad(output.square().sum(), image, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_bits_of_bfloat16_are_those_of_torch():
    """Also of what is not finite, too small for normal numbers, and halfway between two."""
    odd = torch.tensor([0.0, -0.0, torch.inf, -torch.inf, torch.nan, 1e-40, 3e38, 3.4e38])
    values = torch.cat([odd, 1 + torch.arange(1, 9) * 2**-8, torch.randn(112)])
    weight = torch.zeros(128, 1, 3, 3)
    weight[:, 0, 1, 1] = values
    image = torch.zeros(1, 128, 1, 1, dtype=torch.bfloat16, requires_grad=True)
    output = convolve(image, weight, ((2, 2), (1, 1), (1, 1)), far=False)
    (found,) = torch.autograd.grad(output, image, torch.ones_like(output))
    torch.testing.assert_close(found.flatten(), values.bfloat16(), rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize(
    "options",
    [{}, {"kernel_size": 5, "padding": 4}, {"padding": "same"}, {"bias": True}, {"stride": 2}],
    ids=str,
)
@pytest.mark.parametrize("channels", [8, 64, 128])
@pytest.mark.parametrize("loops", [True, False])
def test_weight_gradients_in_bfloat16_are_right(options, channels, loops, monkeypatch):
    """PyTorch's are not, of dilated depthwise convolutions on maps of some 29 pixels and wider."""
    monkeypatch.setattr(dispatch, "numba_available", lambda: loops)
    chosen = {"kernel_size": 3, "padding": 2, "bias": False, **options}
    plain = nn.Conv2d(channels, channels, dilation=2, groups=channels, **chosen)
    network = nn.Sequential(plain)
    patch_dilated_depthwise(network)
    assert type(plain) is DepthwiseConv2d
    image = torch.randn(2, channels, 37, 41).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        output = network(image)
    assert output.dtype == torch.bfloat16
    direction = torch.randn_like(output)
    (found,) = torch.autograd.grad(output, plain.weight, direction)
    exact = copy.deepcopy(plain).double()
    (expected,) = torch.autograd.grad(exact(image.double()), exact.weight, direction.double())
    assert nearness(found, expected) < 1e-2


def test_networks_of_others_are_adopted():
    conv = nn.Conv2d(24, 24, 3, padding=2, dilation=2, groups=24)
    encoder = create_encoder("aligned_xception_micro")
    encoder.further = nn.Sequential(conv, nn.Conv2d(24, 24, 3, groups=24), nn.Conv2d(24, 24, 1))
    before = set(encoder.state_dict())
    create_model(encoder, "feature_pyramid", num_classes=3)
    assert [type(module) for module in encoder.further] == [DepthwiseConv2d, nn.Conv2d, nn.Conv2d]
    assert set(encoder.state_dict()) == before


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize(("dilation", "far"), [(2, False), (9, True)])
def test_wide_modules_train_by_it_in_channels_last(autocast, dilation, far, monkeypatch):
    calls = []
    monkeypatch.setattr(
        "seg.kernels.depthwise_dilated.convolve",
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
    monkeypatch.setattr("seg.kernels.depthwise_dilated.convolve", None)
    image = torch.randn(2, 128, 30, 30).to(memory_format=torch.channels_last)
    beside = DepthwiseConv2d(128, 128, 3, groups=128, bias=False)
    few = DepthwiseConv2d(64, 64, 3, dilation=2, groups=64, bias=False)
    apart = DepthwiseConv2d(128, 128, 3, dilation=2, groups=128, bias=False)
    for conv in (beside, few):
        given = image[:, : conv.in_channels].contiguous(memory_format=torch.channels_last)
        assert torch.equal(conv(given), nn.Conv2d.forward(conv, given))
    with torch.no_grad():
        assert torch.equal(apart(image), nn.Conv2d.forward(apart, image))
