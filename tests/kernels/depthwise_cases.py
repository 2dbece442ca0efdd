"""What the Triton kernels must compute, against PyTorch's convolution in double precision.

Each case runs on any device. `python -m tests.kernels.depthwise_cases NAME ...` runs some on the
CPU, by Triton's interpreter, and prints what failed: the interpreter must be chosen before Triton
is imported, which a process with other tests may have done long ago.
"""

import copy
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch.nn import functional

# results are rounded to the type once: half of its step, and some for the sums
TOLERANCES = {
    torch.float64: 1e-13,
    torch.float32: 1e-6,
    torch.float16: 1e-3,
    torch.bfloat16: 8e-3,
}
x32 = torch.float32
# stride, dilation, padding, kernel
PLAIN, STRIDED, DILATED = (1, 1, 1, 3), (2, 1, 1, 3), (1, 3, 3, 3)


def close(found, expected, dtype, *, sums=1):
    """Compare, with the greatest value of what is expected as the measure."""
    assert found.shape == expected.shape
    error = (found.double() - expected).abs().max() / expected.abs().max()
    assert error < sums * TOLERANCES[dtype], error.item()


def tensors(shape, dtype, device, seed=0):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(shape, generator=generator, dtype=torch.float64)
    return values.to(device, dtype).contiguous(memory_format=torch.channels_last)


def launched(device, numbers, dtype=torch.float32, *, relu=False, shape=(1, 8, 7, 8)):
    """Output, its moments and both gradients, of a picture of two tiles or more."""
    from seg.kernels import depthwise_launch as launch
    from seg.kernels.depthwise_shapes import Geometry, Tile

    *numbers, kernel = numbers
    channels = shape[1]
    x = tensors(shape, dtype, device)
    weight = tensors((channels, 1, kernel, kernel), dtype, device, 1)
    output, differentiate = by_pytorch(x, weight, numbers, relu=relu)
    gradient = tensors(output.shape, dtype, device, 3)
    to_x, to_weight = differentiate(gradient.double())
    geometry, wide = Geometry(kernel, *numbers), torch.promote_types(dtype, torch.float32)
    call = {"tile": Tile(4, 8, 16, 4), "relu": relu}
    found, mean, variance = launch.convolve_and_describe(x, weight, geometry, **call)
    close(found, output, dtype)
    close(mean, found.double().mean((0, 2, 3)), wide, sums=3)
    close(variance, found.double().var((0, 2, 3), unbiased=False), wide, sums=3)
    close(launch.input_gradient(gradient, x, weight, geometry, **call), to_x, dtype)
    found = launch.weight_gradient(gradient, x, geometry, dtype=wide, **call)
    close(found, to_weight, wide, sums=3)
    assert found.is_contiguous()


def by_pytorch(x, weight, numbers, *, relu):
    """Output, and what gives the gradients to x and the weight, in double precision."""
    stride, dilation, padding = numbers
    x, weight = (each.double().requires_grad_() for each in (x, weight))
    value = x.relu() if relu else x
    output = functional.conv2d(value, weight, None, stride, padding, dilation, len(weight))
    return output.detach(), partial(torch.autograd.grad, output, (x, weight))


def plain_output(device):
    """Without moments; the same in each run, like the gradient to the weight."""
    from seg.kernels import depthwise_launch as launch
    from seg.kernels.depthwise_shapes import Geometry, Tile

    x, weight = tensors((1, 8, 4, 8), x32, device), tensors((8, 1, 3, 3), x32, device)
    geometry, call = Geometry(3, 1, 1, 1), {"tile": Tile(4, 8, 16, 4)}
    output = launch.convolve(x, weight, geometry, **call)
    assert torch.equal(output, launch.convolve_and_describe(x, weight, geometry, **call)[0])
    one, other = (launch.weight_gradient(output, x, geometry, dtype=x32, **call) for _ in range(2))
    assert torch.equal(one, other)


def far_mean(device):
    """Values around 1000 that differ by hundredths: plain sums of squares would give noise."""
    from seg.kernels import depthwise_launch as launch
    from seg.kernels.depthwise_shapes import Geometry, Tile

    x = tensors((2, 8, 8, 8), torch.float32, device) / 100 + 1000
    weight = torch.ones(8, 1, 1, 1, device=device)
    found, _, variance = launch.convolve_and_describe(
        x, weight, Geometry(1, 1, 1, 0), tile=Tile(4, 8, 16, 4)
    )
    expected = found.double().var((0, 2, 3), unbiased=False)
    torch.testing.assert_close(variance.double(), expected, rtol=1e-2, atol=0)


def module(device):
    """`DepthwiseConv2d` on the kernels, against `nn.Conv2d`, with weights of a wider type."""
    from seg.kernels.depthwise import DepthwiseConv2d

    peer = torch.nn.Conv2d(8, 8, 3, 2, 1, groups=8, bias=False)
    ours = DepthwiseConv2d(8, 8, 3, 2, 1, groups=8, bias=False).to(device)
    ours.load_state_dict(peer.state_dict())
    x = tensors((1, 8, 6, 7), torch.float16, device)
    one, other = x.double().requires_grad_(), x.clone().requires_grad_()
    expected, output = peer.to(device).double()(one), ours(other)
    assert output.dtype == torch.float16
    assert "depthwise" in output.grad_fn.name().lower()
    close(output, expected, torch.float16)
    (expected * expected.detach()).sum().backward()
    (output * output.detach()).sum().backward()
    assert ours.weight.grad.dtype == torch.float32
    close(ours.weight.grad, peer.weight.grad, torch.float16, sums=3)
    close(other.grad, one.grad, torch.float16, sums=3)


def step(device, dtype=x32, *, training=True, relu_before=False, relu_after=True, momentum=0.1):
    """Convolution, norm and ReLU at once, against the modules one by one in double precision."""
    from seg.kernels.depthwise_norm import depthwise_norm_relu

    conv = torch.nn.Conv2d(8, 8, 3, 2, 1, groups=8, bias=False)
    norm = torch.nn.BatchNorm2d(8, 1e-3, momentum)
    with torch.no_grad():
        for values in (norm.weight, norm.bias, norm.running_mean):
            values.copy_(tensors((8, 1, 1, 1), x32, "cpu", 5).flatten())
        norm.running_var.uniform_(0.5, 2)
    peers = [copy.deepcopy(each).to(device).double().train(training) for each in (conv, norm)]
    conv, norm = (each.to(device).train(training) for each in (conv, norm))
    x = tensors((2, 8, 7, 8), dtype, device)
    one, other = x.double().requires_grad_(), x.clone().requires_grad_()
    found = depthwise_norm_relu(other, conv, norm, relu_before=relu_before, relu_after=relu_after)
    expected = peers[1](peers[0](one.relu() if relu_before else one))
    expected = expected.relu() if relu_after else expected
    gradient = tensors(found.shape, dtype, device, 4)
    found.backward(gradient)
    expected.backward(gradient.double())
    close(found, expected, dtype, sums=3)
    close(other.grad, one.grad, dtype, sums=5)
    for ours, theirs in ((conv, peers[0]), (norm, peers[1])):
        for parameter, peer in zip(ours.parameters(), theirs.parameters(), strict=True):
            close(parameter.grad, peer.grad, dtype, sums=5)
        for buffer, peer in zip(ours.buffers(), theirs.buffers(), strict=True):
            assert torch.equal(buffer, peer) or not close(buffer, peer, dtype, sums=3)


def block(device):
    """A strided block and the ReLU before it, in training, with and without the step at once."""
    from seg.kernels import depthwise_impls
    from seg.models.blocks import ConvNormAct

    ours = ConvNormAct(8, 8, 3, stride=2, groups=8, norm_eps=1e-3, activation=False).to(device)
    theirs, pre_act = copy.deepcopy(ours), torch.nn.ReLU()
    x = tensors((2, 8, 7, 8), x32, device)
    results = []
    for network, at_once in ((ours, True), (theirs, False)):
        depthwise_impls.AT_ONCE = at_once
        given = x.clone().requires_grad_()
        found = network(given, pre_act)
        assert ("NormRelu" in found.grad_fn.name()) == at_once
        found.square().sum().backward()
        gradients = [parameter.grad for parameter in network.parameters()]
        results.append([found, given.grad, *network.buffers(), *gradients])
    depthwise_impls.AT_ONCE = True
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


CASES: dict[str, Callable[[torch.device], None]] = {
    "plain": partial(launched, numbers=PLAIN),
    "strided": partial(launched, numbers=STRIDED),
    "dilated, relu": partial(launched, numbers=DILATED, relu=True),
    "strided, bfloat16": partial(launched, numbers=STRIDED, dtype=torch.bfloat16),
    "output alone": plain_output,
    "far mean": far_mean,
    "module": module,
    "step, relu after": step,
    "block": block,
}
SLOW_CASES: dict[str, Callable[[torch.device], None]] = {
    "several tiles, odd channels": partial(launched, numbers=PLAIN, shape=(2, 19, 5, 11)),
    "strided and dilated": partial(launched, numbers=(2, 2, 2, 3)),
    "unpadded": partial(launched, numbers=(1, 1, 0, 3)),
    "five taps": partial(launched, numbers=(1, 1, 2, 5)),
    "strided, float16": partial(launched, numbers=STRIDED, dtype=torch.float16),
    "strided, float64": partial(launched, numbers=STRIDED, dtype=torch.float64),
    "relu": partial(launched, numbers=PLAIN, relu=True),
    "step, relu before": partial(step, relu_before=True, relu_after=False, momentum=None),
    "step, evaluation": partial(step, training=False),
    "step, float16": partial(step, dtype=torch.float16),
    "strided, relu": partial(launched, numbers=STRIDED, relu=True),
}


def outcomes(names: Iterable[str], device: torch.device) -> dict[str, str]:
    """Of each case: empty, or how it failed."""
    failures = {}
    for name in names:
        failures[name] = ""
        try:
            (CASES | SLOW_CASES)[name](device)
        except Exception:
            failures[name] = traceback.format_exc()
    return failures


if __name__ == "__main__":
    assert os.environ.get("TRITON_INTERPRET") == "1"
    assert os.environ.get("SEG_DEPTHWISE") == "triton"
    print(json.dumps(outcomes(sys.argv[1:], torch.device("cpu"))))
