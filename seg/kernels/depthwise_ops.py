"""Depthwise convolutions as operators of PyTorch, for autograd, torch.compile and fake tensors.

Three operators: the convolution, its gradient to the input, its gradient to the weight. Each is
linear in both of its tensors, and the derivatives of each are the other two: they can be
differentiated any number of times. Each picks by itself, for the shapes at hand, between PyTorch's
kernel (cuDNN's on an NVIDIA card) and those of `depthwise_triton`; what a graph records is the
operator, whichever is picked.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from seg.errors import ConfigError
from seg.kernels.depthwise_shapes import TILES, WEIGHT_TILES, Geometry, Tile
from seg.kernels.timed_choice import run_fastest

WAYS = ("auto", "triton", "torch")
# read once: a compiled graph could not notice a change
WAY = os.environ.get("SEG_DEPTHWISE", "auto")
PYTORCH = "torch"
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"


def way() -> str:
    """What `SEG_DEPTHWISE` asks for.

    Raises:
        ConfigError: none of the three.
    """
    if WAY not in WAYS:
        raise ConfigError(f"SEG_DEPTHWISE={WAY}; allowed: {', '.join(WAYS)}")
    return WAY


@torch.library.custom_op("seg::depthwise", mutates_args=())
def convolve(x: Tensor, weight: Tensor, numbers: Sequence[int]) -> Tensor:
    """The depthwise convolution of x (B x C x H x W) with a weight of C x 1 x K x K.

    `numbers` are stride, dilation and padding, here and below. The weight may be of another type
    than x, as under autocast: the kernels in Triton do not round it. The output has x's type, in
    channels_last memory.
    """
    x = _channels_last(x)
    stride, dilation, padding = numbers

    def with_pytorch() -> Tensor:
        taps = weight.to(x.dtype)
        return _channels_last(
            functional.conv2d(x, taps, None, stride, padding, dilation, weight.shape[0])
        )

    def with_triton(tile: Tile) -> Tensor:
        from seg.kernels import depthwise_launch as launch

        return launch.convolve(x, weight, Geometry(weight.shape[-1], *numbers), tile=tile)

    key = ("output", *x.shape, *_facts(x, weight), *numbers)
    return run_fastest(key, _ways(with_pytorch, with_triton, TILES))


@torch.library.custom_op("seg::depthwise_input_gradient", mutates_args=())
def input_gradient(gradient: Tensor, x: Tensor, weight: Tensor, numbers: Sequence[int]) -> Tensor:
    """The gradient to the input x, of which only the shape is used, given that to the output."""
    gradient = _channels_last(gradient)

    def with_pytorch() -> Tensor:
        return _channels_last(_pytorch_gradients(gradient, x, weight, numbers, 0))

    def with_triton(tile: Tile) -> Tensor:
        from seg.kernels import depthwise_launch as launch

        return launch.input_gradient(
            gradient, x, weight, Geometry(weight.shape[-1], *numbers), tile=tile
        )

    key = ("input gradient", *x.shape, *_facts(x, weight), *numbers)
    return run_fastest(key, _ways(with_pytorch, with_triton, TILES))


@torch.library.custom_op("seg::depthwise_weight_gradient", mutates_args=())
def weight_gradient(gradient: Tensor, x: Tensor, weight: Tensor, numbers: Sequence[int]) -> Tensor:
    """The gradient to the weight, of which only shape and type are used."""
    gradient, x = _channels_last(gradient), _channels_last(x)

    def with_pytorch() -> Tensor:
        return _pytorch_gradients(gradient, x, weight, numbers, 1).to(weight.dtype).contiguous()

    def with_triton(tile: Tile) -> Tensor:
        from seg.kernels import depthwise_launch as launch

        return launch.weight_gradient(
            gradient, x, Geometry(weight.shape[-1], *numbers), dtype=weight.dtype, tile=tile
        )

    key = ("weight gradient", *x.shape, *_facts(x, weight), *numbers)
    return run_fastest(key, _ways(with_pytorch, with_triton, WEIGHT_TILES))


def _ways(
    with_pytorch: Callable[[], Tensor], with_triton: Callable[[Tile], Tensor], tiles: Sequence[Tile]
) -> Mapping[str, Callable[[], Tensor]]:
    ways: dict[str, Callable[[], Tensor]] = {}
    if way() != "triton":
        ways[PYTORCH] = with_pytorch
    if way() != "torch":
        ways |= {f"triton {tile}": partial(with_triton, tile) for tile in tiles}
    return ways


def _pytorch_gradients(
    gradient: Tensor, x: Tensor, weight: Tensor, numbers: Sequence[int], wanted: int
) -> Tensor:
    stride, dilation, padding = numbers
    gradients: tuple[Tensor, ...] = torch.ops.aten.convolution_backward(
        *(gradient, x, weight.to(x.dtype), None),
        *([stride] * 2, [padding] * 2, [dilation] * 2, False, [0, 0], weight.shape[0]),
        [index == wanted for index in range(3)],
    )
    return gradients[wanted]


def _channels_last(x_BCHW: Tensor) -> Tensor:
    return x_BCHW.contiguous(memory_format=torch.channels_last)


def _facts(x: Tensor, weight: Tensor) -> tuple[object, ...]:
    return x.dtype, weight.dtype, weight.shape[-1], x.device


@convolve.register_fake
def _(x: Tensor, weight: Tensor, numbers: Sequence[int]) -> Tensor:
    geometry = Geometry(weight.shape[-1], *numbers)
    return torch.empty(
        (*x.shape[:2], *map(geometry.output, x.shape[2:])),
        dtype=x.dtype,
        device=x.device,
        memory_format=torch.channels_last,
    )


@input_gradient.register_fake
def _(gradient: Tensor, x: Tensor, *_: Any) -> Tensor:
    return torch.empty(
        x.shape, dtype=gradient.dtype, device=x.device, memory_format=torch.channels_last
    )


@weight_gradient.register_fake
def _(_gradient: Tensor, _x: Tensor, weight: Tensor, *_: Any) -> Tensor:
    return torch.empty(weight.shape, dtype=weight.dtype, device=weight.device)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.numbers = inputs
    ctx.save_for_backward(*tensors)


def _differentiate_output(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    x, weight = ctx.saved_tensors
    wanted = ctx.needs_input_grad
    to_x = input_gradient(gradient, x, weight, ctx.numbers) if wanted[0] else None
    to_weight = weight_gradient(gradient, x, weight, ctx.numbers) if wanted[1] else None
    return to_x, to_weight, None


def _differentiate_input_gradient(ctx: Any, direction: Tensor) -> tuple[Tensor | None, ...]:
    gradient, _, weight = ctx.saved_tensors
    wanted = ctx.needs_input_grad
    to_gradient = convolve(direction, weight, ctx.numbers) if wanted[0] else None
    to_weight = weight_gradient(gradient, direction, weight, ctx.numbers) if wanted[2] else None
    return to_gradient, None, to_weight, None


def _differentiate_weight_gradient(ctx: Any, direction: Tensor) -> tuple[Tensor | None, ...]:
    gradient, x, _ = ctx.saved_tensors
    wanted = ctx.needs_input_grad
    to_gradient = convolve(x, direction, ctx.numbers) if wanted[0] else None
    to_x = input_gradient(gradient, x, direction, ctx.numbers) if wanted[1] else None
    return to_gradient, to_x, None, None


convolve.register_autograd(_differentiate_output, setup_context=_remember)
input_gradient.register_autograd(_differentiate_input_gradient, setup_context=_remember)
weight_gradient.register_autograd(_differentiate_weight_gradient, setup_context=_remember)
