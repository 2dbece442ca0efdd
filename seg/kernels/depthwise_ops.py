"""Depthwise convolutions as operators of PyTorch, for autograd, torch.compile and fake tensors.

Three operators: the convolution, its gradient of the input, its gradient of the weight. Each is
linear in both of its tensors, and the derivatives of each are the other two: they can be
differentiated any number of times. Each picks its kernel among those of `depthwise_impls` for the
shapes at hand; a graph records the operator, whichever kernel is picked.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from seg.kernels import depthwise_impls as ways
from seg.kernels.autotune import run_fastest
from seg.kernels.depthwise_shapes import Geometry


@torch.library.custom_op("seg::depthwise", mutates_args=())
def convolve(x: Tensor, weight: Tensor, numbers: Sequence[int]) -> Tensor:
    """Compute the depthwise convolution of x (B x C x H x W) with a weight of C x 1 x K x K.

    `numbers` are stride, dilation and padding, here and below. The weight may be of another type
    than x, as under autocast: the kernels in Triton do not round it. The output has x's type, in
    channels_last memory.
    """
    x = ways.channels_last(x)
    return run_fastest(_key("output", x, weight, numbers), ways.of_output(x, weight, numbers))


@torch.library.custom_op("seg::depthwise_input_gradient", mutates_args=())
def input_gradient(gradient: Tensor, x: Tensor, weight: Tensor, numbers: Sequence[int]) -> Tensor:
    """Return the gradient of the input x, of which only the shape is used."""
    gradient = ways.channels_last(gradient)
    choice = ways.of_input_gradient(gradient, x, weight, numbers)
    return run_fastest(_key("input gradient", x, weight, numbers), choice)


@torch.library.custom_op("seg::depthwise_weight_gradient", mutates_args=())
def weight_gradient(gradient: Tensor, x: Tensor, weight: Tensor, numbers: Sequence[int]) -> Tensor:
    """Return the gradient of the weight, of which only shape and type are used."""
    gradient, x = ways.channels_last(gradient), ways.channels_last(x)
    choice = ways.of_weight_gradient(gradient, x, weight, numbers)
    return run_fastest(_key("weight gradient", x, weight, numbers), choice)


def _key(part: str, x: Tensor, weight: Tensor, numbers: Sequence[int]) -> tuple[object, ...]:
    kinds = (x.dtype, weight.dtype, weight.shape[-1], x.device)
    return (part, *x.shape, *numbers, *kinds)


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


def _save_inputs(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.numbers = inputs
    ctx.save_for_backward(*tensors)


def _differentiate_output(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    x, weight = ctx.saved_tensors
    needs = ctx.needs_input_grad
    to_x = input_gradient(gradient, x, weight, ctx.numbers) if needs[0] else None
    to_weight = weight_gradient(gradient, x, weight, ctx.numbers) if needs[1] else None
    return to_x, to_weight, None


def _differentiate_input_gradient(ctx: Any, direction: Tensor) -> tuple[Tensor | None, ...]:
    gradient, _, weight = ctx.saved_tensors
    needs = ctx.needs_input_grad
    to_gradient = convolve(direction, weight, ctx.numbers) if needs[0] else None
    to_weight = weight_gradient(gradient, direction, weight, ctx.numbers) if needs[2] else None
    return to_gradient, None, to_weight, None


def _differentiate_weight_gradient(ctx: Any, direction: Tensor) -> tuple[Tensor | None, ...]:
    gradient, x, _ = ctx.saved_tensors
    needs = ctx.needs_input_grad
    to_gradient = convolve(x, direction, ctx.numbers) if needs[0] else None
    to_x = input_gradient(gradient, x, direction, ctx.numbers) if needs[1] else None
    return to_gradient, to_x, None, None


convolve.register_autograd(_differentiate_output, setup_context=_save_inputs)
input_gradient.register_autograd(_differentiate_input_gradient, setup_context=_save_inputs)
weight_gradient.register_autograd(_differentiate_weight_gradient, setup_context=_save_inputs)
