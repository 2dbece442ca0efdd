"""Implementations of a depthwise convolution and its gradients: PyTorch's, and Triton's tiles.

Operands are x (B x C x H x W), the weight (C x 1 x K x K, of any floating type) and the gradient of
the output; images are in channels_last memory. `numbers` are stride, dilation and padding.
"""

import os
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from seg.errors import ConfigError
from seg.kernels.depthwise_shapes import TILES, WEIGHT_TILES, Geometry, Tile

PYTORCH = "torch"
WAYS = ("auto", "triton", PYTORCH)
# read once: a compiled graph could not notice a change
WAY = os.environ.get("SEG_DEPTHWISE", "auto")
# whether convolution, norm and ReLUs are one step in training; `seg.benchmark training` compares
AT_ONCE = True
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"


def way() -> str:
    """Return the value of `SEG_DEPTHWISE`.

    Raises:
        ConfigError: it is none of the three.
    """
    if WAY not in WAYS:
        raise ConfigError(f"SEG_DEPTHWISE={WAY}; allowed: {', '.join(WAYS)}")
    return WAY


Ways = dict[str, Callable[[], Tensor]]


def of_output(x: Tensor, weight: Tensor, numbers: Sequence[int]) -> Ways:
    """Return name -> the convolution, by PyTorch (cuDNN on NVIDIA) or with each tile."""
    stride, dilation, padding = numbers

    def with_pytorch() -> Tensor:
        taps = weight.to(x.dtype)
        output = functional.conv2d(x, taps, None, stride, padding, dilation, weight.shape[0])
        return channels_last(output)

    def with_triton(tile: Tile) -> Tensor:
        from seg.kernels.depthwise_launch import convolve

        return convolve(x, weight, Geometry(weight.shape[-1], *numbers), tile=tile)

    return _ways(with_pytorch, with_triton, TILES)


def of_input_gradient(gradient: Tensor, x: Tensor, weight: Tensor, numbers: Sequence[int]) -> Ways:
    """Return name -> the gradient of the input, of which only the shape is used."""

    def with_pytorch() -> Tensor:
        return channels_last(_pytorch_gradients(gradient, x, weight, numbers, 0))

    def with_triton(tile: Tile) -> Tensor:
        from seg.kernels.depthwise_launch import input_gradient

        geometry = Geometry(weight.shape[-1], *numbers)
        return input_gradient(gradient, x, weight, geometry, tile=tile)

    return _ways(with_pytorch, with_triton, TILES)


def of_weight_gradient(gradient: Tensor, x: Tensor, weight: Tensor, numbers: Sequence[int]) -> Ways:
    """Return name -> the gradient of the weight, of which shape and type are used."""

    def with_pytorch() -> Tensor:
        return _pytorch_gradients(gradient, x, weight, numbers, 1).to(weight.dtype).contiguous()

    def with_triton(tile: Tile) -> Tensor:
        from seg.kernels.depthwise_launch import weight_gradient

        geometry = Geometry(weight.shape[-1], *numbers)
        return weight_gradient(gradient, x, geometry, dtype=weight.dtype, tile=tile)

    return _ways(with_pytorch, with_triton, WEIGHT_TILES)


def channels_last(x_BCHW: Tensor) -> Tensor:
    """Return a tensor in channels_last memory."""
    return x_BCHW.contiguous(memory_format=torch.channels_last)


def _ways(
    with_pytorch: Callable[[], Tensor], with_triton: Callable[[Tile], Tensor], tiles: Sequence[Tile]
) -> Ways:
    ways: Ways = {}
    if way() != "triton":
        ways[PYTORCH] = with_pytorch
    if way() != "torch":
        ways |= {f"triton {tile}": partial(with_triton, tile) for tile in tiles}
    return ways


def _pytorch_gradients(
    gradient: Tensor, x: Tensor, weight: Tensor, numbers: Sequence[int], argument: int
) -> Tensor:
    stride, dilation, padding = numbers
    gradients: tuple[Tensor, ...] = torch.ops.aten.convolution_backward(
        *(gradient, x, weight.to(x.dtype), None),
        *([stride] * 2, [padding] * 2, [dilation] * 2, False, [0, 0], weight.shape[0]),
        [index == argument for index in range(3)],
    )
    return gradients[argument]
