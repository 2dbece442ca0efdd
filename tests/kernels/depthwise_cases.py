"""What the Triton kernels must compute, against PyTorch's convolution in double precision.

Each case runs on any device. `python -m tests.kernels.depthwise_cases` runs them all on the CPU, by
Triton's interpreter, and prints what failed: the interpreter must be chosen before Triton is
imported, which a process with other tests may have done long ago.
"""

import json
import os
import traceback
from collections.abc import Callable
from functools import partial

import torch
from torch.nn import functional

# x, output and gradients are rounded to the type once: half of its step, and some for the sums
TOLERANCES = {
    torch.float64: 1e-13,
    torch.float32: 1e-6,
    torch.float16: 1e-3,
    torch.bfloat16: 8e-3,
}
# stride, dilation, padding, kernel
SHAPES = {
    "plain": (1, 1, 1, 3),
    "strided": (2, 1, 1, 3),
    "dilated": (1, 3, 3, 3),
    "strided and dilated": (2, 2, 2, 3),
    "unpadded": (1, 1, 0, 3),
    "five taps": (1, 1, 2, 5),
}


def close(found, expected, dtype, *, sums=1):
    """Compare with the greatest value of what is expected as the measure."""
    assert found.shape == expected.shape
    error = (found.double() - expected).abs().max() / expected.abs().max()
    assert error < sums * TOLERANCES[dtype], error.item()


def tensors(shape, dtype, device, seed=0):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(shape, generator=generator, dtype=torch.float64)
    return values.to(device, dtype).contiguous(memory_format=torch.channels_last)


def expected(x, weight, gradient_seed, activation, numbers):
    """Output, gradient to the output, and the gradients to x and the weight, in double."""
    stride, dilation, padding, _ = numbers
    x, weight = (each.detach().double().requires_grad_() for each in (x, weight))
    value = x
    if activation.affine is not None:
        scale, shift = (each.double()[:, None, None] for each in activation.affine)
        value = value * scale + shift
    value = value.relu() if activation.relu else value
    output = functional.conv2d(value, weight, None, stride, padding, dilation, len(weight))
    gradient = tensors(output.shape, x.dtype, x.device, gradient_seed)
    return output.detach(), gradient, partial(torch.autograd.grad, output, (x, weight))


def launched(device, numbers, dtype, *, relu=False, affine=False, channels=8):
    """Output, both gradients and the moments, of a picture larger than a tile."""
    from seg.kernels import depthwise_launch as launch
    from seg.kernels.depthwise_shapes import Geometry, Tile

    stride, dilation, padding, kernel = numbers
    x = tensors((2, channels, 7, 9), dtype, device)
    weight = tensors((channels, 1, kernel, kernel), torch.float32, device, 1).to(dtype)
    scale_shift = tuple(tensors((2, channels, 1, 1), dtype, device, 2).flatten(1).contiguous())
    activation = launch.Activation(relu, scale_shift if affine else None)
    output, gradient, differentiate = expected(x, weight, 3, activation, numbers)
    gradient = gradient.to(dtype)
    to_x, to_weight = differentiate(gradient.double())
    call = {"tile": Tile(4, 8, 16, 4), "activation": activation}
    geometry = Geometry(kernel, stride, dilation, padding)
    close(launch.convolve(x, weight, geometry, **call), output, dtype)
    found, moments = launch.convolve_and_describe(x, weight, geometry, **call)
    close(found, output, dtype)
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    close(moments.mean_C, found.double().mean((0, 2, 3)), wide)
    close(moments.variance_C, found.double().var((0, 2, 3), unbiased=False), wide)
    close(launch.input_gradient(gradient, x, weight, geometry, **call), to_x, dtype)
    to_weight_found = launch.weight_gradient(gradient, x, geometry, dtype=wide, **call)
    close(to_weight_found, to_weight, wide, sums=3)
    assert to_weight_found.is_contiguous()
    again = launch.weight_gradient(gradient, x, geometry, dtype=wide, **call)
    assert torch.equal(again, to_weight_found)


def far_mean(device):
    """Values around 1000 that differ by hundredths: plain sums of squares would give noise."""
    from seg.kernels import depthwise_launch as launch
    from seg.kernels.depthwise_shapes import Geometry, Tile

    x = tensors((2, 8, 8, 8), torch.float32, device) / 100 + 1000
    weight = torch.ones(8, 1, 1, 1, device=device)
    found, moments = launch.convolve_and_describe(
        x, weight, Geometry(1, 1, 1, 0), tile=Tile(4, 8, 16, 4)
    )
    variance = found.double().var((0, 2, 3), unbiased=False)
    torch.testing.assert_close(moments.variance_C.double(), variance, rtol=1e-3, atol=0)


def differentiated_twice(device):
    """First and second derivatives of the operator, by differences, in double precision."""
    from seg.kernels.depthwise_ops import convolve

    x = tensors((1, 2, 4, 3), torch.float64, device).requires_grad_()
    weight = tensors((2, 1, 3, 3), torch.float64, device, 1).contiguous().requires_grad_()

    def along_a_line(step_x, step_weight):
        return convolve(
            x + step_x * x_direction, weight + step_weight * weight_direction, (2, 1, 1)
        )

    x_direction, weight_direction = tensors(x.shape, x.dtype, device, 2), torch.ones_like(weight)
    steps = torch.zeros(2, dtype=torch.float64, device=device).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: along_a_line(s[0], s[1]), steps)
    assert torch.autograd.gradgradcheck(lambda s: along_a_line(s[0], s[1]), steps)


def operator_obeys_the_rules(device):
    from seg.kernels.depthwise_ops import convolve, input_gradient, weight_gradient

    x = tensors((1, 8, 5, 6), torch.float32, device).requires_grad_()
    weight = tensors((8, 1, 3, 3), torch.float32, device, 1).requires_grad_()
    gradient = tensors((1, 8, 3, 3), torch.float32, device, 2).requires_grad_()
    numbers = (2, 1, 1)
    torch.library.opcheck(convolve, (x, weight, numbers))
    torch.library.opcheck(input_gradient, (gradient, x, weight, numbers))
    torch.library.opcheck(weight_gradient, (gradient, x, weight, numbers))


def module_trains(device):
    """`DepthwiseConv2d` on the kernels, against `nn.Conv2d`, with weights of a wider type."""
    from seg.kernels.depthwise import DepthwiseConv2d

    peer = torch.nn.Conv2d(8, 8, 3, 2, 1, groups=8, bias=False).to(device)
    ours = DepthwiseConv2d(8, 8, 3, 2, 1, groups=8, bias=False).to(device)
    ours.load_state_dict(peer.state_dict())
    x = tensors((2, 8, 6, 7), torch.float16, device)
    one, other = (x.detach().clone(memory_format=torch.preserve_format) for _ in range(2))
    expected_output = peer.double()(one.double().requires_grad_())
    output = ours(other.requires_grad_())
    assert output.dtype == torch.float16
    assert "depthwise" in output.grad_fn.name().lower()
    close(output, expected_output, torch.float16)
    expected_output.sum().backward()
    output.sum().backward()
    assert ours.weight.grad.dtype == torch.float32
    close(ours.weight.grad, peer.weight.grad, torch.float32, sums=3)


def compiled(device):
    """torch.compile takes the operator whole, forwards and backwards."""
    from seg.kernels.depthwise import depthwise

    x = tensors((1, 8, 5, 6), torch.float32, device).requires_grad_()
    weight = tensors((8, 1, 3, 3), torch.float32, device, 1).requires_grad_()

    def loss(x, weight):
        pair = {"stride": (1, 1), "dilation": (1, 1), "padding": (1, 1)}
        return depthwise(x.relu(), weight, **pair).square().sum()

    backend = "inductor" if device.type == "cuda" else "aot_eager"
    fast = torch.compile(loss, fullgraph=True, backend=backend)
    found = torch.autograd.grad(fast(x, weight), (x, weight))
    for one, other in zip(found, torch.autograd.grad(loss(x, weight), (x, weight)), strict=True):
        torch.testing.assert_close(one, other)


CASES: dict[str, Callable[[torch.device], None]] = {
    **{
        f"{name}, float32": partial(launched, numbers=numbers, dtype=torch.float32)
        for name, numbers in SHAPES.items()
    },
    **{
        f"strided, {str(dtype).partition('.')[2]}": partial(
            launched, numbers=SHAPES["strided"], dtype=dtype
        )
        for dtype in (torch.float16, torch.bfloat16, torch.float64)
    },
    "relu": partial(launched, numbers=SHAPES["plain"], dtype=torch.float32, relu=True),
    "affine": partial(launched, numbers=SHAPES["strided"], dtype=torch.float32, affine=True),
    "affine and relu": partial(
        launched, numbers=SHAPES["dilated"], dtype=torch.float32, relu=True, affine=True
    ),
    "odd channels": partial(launched, numbers=SHAPES["plain"], dtype=torch.float32, channels=19),
    "far mean": far_mean,
    "differentiated twice": differentiated_twice,
    "operator rules": operator_obeys_the_rules,
    "module": module_trains,
    "compiled": compiled,
}


def outcome(name: str, device: torch.device) -> str:
    """Empty, or how a case failed."""
    try:
        CASES[name](device)
    except Exception:
        return traceback.format_exc()
    return ""


if __name__ == "__main__":
    assert os.environ.get("TRITON_INTERPRET") == "1"
    assert os.environ.get("SEG_DEPTHWISE") == "triton"
    print(json.dumps({name: outcome(name, torch.device("cpu")) for name in CASES}))
