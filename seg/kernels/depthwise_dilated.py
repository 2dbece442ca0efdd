"""Gradients of 3x3 depthwise convolutions on CPUs in channels_last, by compiled loops.

oneDNN takes up to ten times as long where taps lie apart or the stride is 2: see
`dispatch.should_use_own_depthwise_gradients`. The loops read the bits of float32 and bfloat16 and
sum in float32.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from seg.kernels.depthwise_loop import depthwise
from seg.kernels.depthwise_shapes import taps_first
from seg.kernels.numba_jit import bands, compiled, in_parallel

_ROWS = 8  # rows in a partial sum of the weight's gradient, the same for any number of threads
_BITS = {torch.float32: (torch.int32, np.uint32), torch.bfloat16: (torch.int16, np.uint16)}
_HALF, _ODD = np.uint32(0x7FFF), np.uint32(1)
Bits = NDArray[np.uint32] | NDArray[np.uint16]
Floats = NDArray[np.float32]
Pair = tuple[int, int]
Places = tuple[Pair, Pair, Pair]
"""Stride, dilation and padding, down and across, pixels."""


def convolve(image_BCHW: Tensor, weight: Tensor, places: Places, *, far: bool) -> Tensor:
    """Compute `functional.conv2d` of one 3x3 filter a channel, with its first derivatives.

    Sums are in float32. They do not depend on the number of threads.

    Args:
        image_BCHW: float32 or bfloat16; anything but channels_last is copied.
        weight: C x 1 x 3 x 3, of any floating type.
        places: stride, dilation and padding.
        far: whether a loop computes the output, too; otherwise PyTorch.

    Returns:
        B x C x H' x W' of the image's type, channels_last.
    """
    if far and not torch.is_grad_enabled():
        return _convolved(image_BCHW, weight, places)
    result: Tensor = _Convolution.apply(image_BCHW, weight, places, far)
    return result


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image_BCHW: Tensor, weight: Tensor, places: Places, far: bool) -> Tensor:
        ctx.save_for_backward(image_BCHW, weight)
        ctx.places = places
        if far:
            return _convolved(image_BCHW, weight, places)
        taps = weight.to(image_BCHW.dtype)
        stride, dilation, padding = places
        return functional.conv2d(image_BCHW, taps, None, stride, padding, dilation, len(taps))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_BCHW: Tensor) -> tuple[Tensor | None, ...]:
        image_BCHW, weight = ctx.saved_tensors
        to_image = to_weight = None
        if ctx.needs_input_grad[0]:
            to_image = _image_gradient(gradient_BCHW, weight, ctx.places, image_BCHW.shape)
        if ctx.needs_input_grad[1]:
            to_weight = _weight_gradient(gradient_BCHW, image_BCHW, ctx.places)
            to_weight = to_weight.view_as(weight).to(weight.dtype)
        return to_image, to_weight, None, None


def _convolved(image_BCHW: Tensor, weight: Tensor, places: Places) -> Tensor:
    stride, dilation, padding = places
    return depthwise(
        image_BCHW,
        taps_first(weight),
        torch.zeros(len(weight), dtype=torch.float32),
        stride=stride,
        dilation=dilation,
        padding=padding,
    )


def _image_gradient(
    gradient_BCHW: Tensor, weight: Tensor, places: Places, shape: torch.Size
) -> Tensor:
    stride, dilation, padding = places
    if stride == (1, 1):  # the convolution with the flipped filter
        down, across = (2 * gap - pad for gap, pad in zip(dilation, padding, strict=True))
        turned = stride, dilation, (down, across)
        return _convolved(gradient_BCHW, weight.flip(2, 3), turned)
    images, channels, height, width = shape
    to_BHWC = torch.empty(images, height, width, channels, dtype=gradient_BCHW.dtype)
    to_RWC, gradient_BHWC = _bits(to_BHWC).reshape(-1, width, channels), _bits_of(gradient_BCHW)
    weight_9C = taps_first(weight).numpy()

    def rows(start: int, stop: int) -> None:
        _fill_rows(gradient_BHWC, weight_9C, places, to_RWC, images, start, stop)

    in_parallel(rows, bands(len(to_RWC), 2))
    return to_BHWC.permute(0, 3, 1, 2)


def _weight_gradient(gradient_BCHW: Tensor, image_BCHW: Tensor, places: Places) -> Tensor:
    """Return the gradient of the weight, C x 9."""
    gradient_BHWC, image_BHWC = _bits_of(gradient_BCHW), _bits_of(image_BCHW)
    images, height, _, channels = gradient_BHWC.shape
    starts = range(0, images * height, _ROWS)
    parts = np.zeros((len(starts), 9, channels), np.float32)

    def rows(part: int, start: int) -> None:
        stop = min(start + _ROWS, images * height)
        _add_rows(gradient_BHWC, image_BHWC, places, parts[part], start, stop)

    in_parallel(rows, list(enumerate(starts)))
    return torch.from_numpy(parts.sum(0, dtype=np.float32)).t()


def _bits_of(map_BCHW: Tensor) -> Bits:
    return _bits(map_BCHW.detach().permute(0, 2, 3, 1).contiguous())


def _bits(values: Tensor) -> Bits:
    signed, kind = _BITS[values.dtype]
    bits: Bits = values.view(signed).numpy().view(kind)
    return bits


@compiled
def _fill_rows(
    gradient_BHWC: Bits,
    weight_9C: Floats,
    places: Places,
    to_RWC: Bits,
    images: int,
    start: int,
    stop: int,
) -> None:
    stride, dilation, padding = places
    _, rows, columns, channels = gradient_BHWC.shape
    height, width = len(to_RWC) // images, to_RWC.shape[1]
    gradient_WC = np.empty((columns, channels), np.float32)
    total_WC = np.empty((width, channels), np.float32)
    for row in range(start, stop):
        total_WC[:] = 0
        for tap in range(3):
            below = row % height + padding[0] - tap * dilation[0]
            if below < 0 or below % stride[0] or below // stride[0] >= rows:
                continue
            _to_floats(gradient_BHWC[row // height, below // stride[0]], gradient_WC)
            for step in range(3):
                weight_C = weight_9C[3 * tap + step]
                shift = step * dilation[1] - padding[1]
                first = max(0, -(shift // stride[1]))
                for column in range(first, min(columns, (width - 1 - shift) // stride[1] + 1)):
                    total_C, gradient_C = total_WC[column * stride[1] + shift], gradient_WC[column]
                    for c in range(channels):
                        total_C[c] += gradient_C[c] * weight_C[c]
        _to_bits(total_WC, to_RWC[row])


@compiled
def _add_rows(
    gradient_BHWC: Bits, image_BHWC: Bits, places: Places, total_9C: Floats, start: int, stop: int
) -> None:
    stride, dilation, padding = places
    _, rows, columns, channels = gradient_BHWC.shape
    _, height, width, _ = image_BHWC.shape
    gradient_WC = np.empty((columns, channels), np.float32)
    image_WC = np.empty((width, channels), np.float32)
    for row in range(start, stop):
        _to_floats(gradient_BHWC[row // rows, row % rows], gradient_WC)
        for tap in range(3):
            y = row % rows * stride[0] - padding[0] + tap * dilation[0]
            if not 0 <= y < height:
                continue
            _to_floats(image_BHWC[row // rows, y], image_WC)
            for step in range(3):
                total_C = total_9C[3 * tap + step]
                shift = step * dilation[1] - padding[1]
                first = max(0, -(shift // stride[1]))
                for column in range(first, min(columns, (width - 1 - shift) // stride[1] + 1)):
                    gradient_C, image_C = gradient_WC[column], image_WC[column * stride[1] + shift]
                    for c in range(channels):
                        total_C[c] += gradient_C[c] * image_C[c]


@compiled
def _to_floats(bits_WC: Bits, float_WC: Floats) -> None:
    """Widen the bits of float32 or, two bytes each, bfloat16 to float32."""
    shift = np.uint32(32 - 8 * bits_WC.itemsize)
    for x in range(len(bits_WC)):
        bits_C, wide_C = bits_WC[x], float_WC[x].view(np.uint32)
        for c in range(len(bits_C)):
            wide_C[c] = np.uint32(bits_C[c]) << shift


@compiled
def _to_bits(float_WC: Floats, bits_WC: Bits) -> None:
    """Round float32 to the nearest value of the output type, ties to even."""
    is_whole = bits_WC.itemsize == 4
    for x in range(len(bits_WC)):
        wide_C, bits_C = float_WC[x].view(np.uint32), bits_WC[x]
        if is_whole:
            for c in range(len(bits_C)):
                bits_C[c] = wide_C[c]
        else:
            for c in range(len(bits_C)):
                wide = wide_C[c]
                bits_C[c] = (wide + (_HALF + ((wide >> np.uint32(16)) & _ODD))) >> np.uint32(16)
