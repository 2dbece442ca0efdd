"""3x3 depthwise convolutions whose taps lie apart, on CPUs in channels_last, with gradients.

oneDNN takes up to ten times as long for their gradients: see `choice.depthwise_gradients_gain`.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from seg.kernels.compiled import compiled, in_parallel
from seg.kernels.depthwise_loop import depthwise
from seg.kernels.depthwise_shapes import taps_first

_ROWS = 8  # a partial sum of the gradient; the same for any number of threads
Floats = NDArray[np.float32]
Pair = tuple[int, int]


def convolve(
    image_BCHW: Tensor, weight: Tensor, dilation: Pair, padding: Pair, *, far: bool
) -> Tensor:
    """`functional.conv2d` of one 3x3 filter a channel at stride 1, and its first derivatives.

    Sums are made in float32. They do not depend on the number of threads.

    Args:
        image_BCHW: float32 or bfloat16; anything but channels_last is copied.
        weight: C x 1 x 3 x 3, of any floating type.
        dilation, padding: down and across, pixels.
        far: whether a loop gives the output, too; PyTorch where not.

    Returns:
        B x C x H' x W' of the image's type, channels_last.
    """
    if far and not torch.is_grad_enabled():
        return _convolved(image_BCHW, weight, dilation, padding)
    result: Tensor = _Convolution.apply(image_BCHW, weight, dilation, padding, far)
    return result


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, image_BCHW: Tensor, weight: Tensor, dilation: Pair, padding: Pair, far: bool
    ) -> Tensor:
        ctx.save_for_backward(image_BCHW, weight)
        ctx.dilation, ctx.padding = dilation, padding
        if far:
            return _convolved(image_BCHW, weight, dilation, padding)
        taps = weight.to(image_BCHW.dtype)
        return functional.conv2d(image_BCHW, taps, None, 1, padding, dilation, len(taps))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_BCHW: Tensor) -> tuple[Tensor | None, ...]:
        image_BCHW, weight = ctx.saved_tensors
        down, across = (2 * gap - pad for gap, pad in zip(ctx.dilation, ctx.padding, strict=True))
        to_image = to_weight = None
        if ctx.needs_input_grad[0]:
            turned = weight.flip(2, 3)
            to_image = _convolved(gradient_BCHW, turned, ctx.dilation, (down, across))
        if ctx.needs_input_grad[1]:
            to_weight = _weight_gradient(gradient_BCHW, image_BCHW, ctx.dilation, ctx.padding)
            to_weight = to_weight.view_as(weight).to(weight.dtype)
        return to_image, to_weight, None, None, None


def _convolved(image_BCHW: Tensor, weight: Tensor, dilation: Pair, padding: Pair) -> Tensor:
    return depthwise(
        image_BCHW,
        taps_first(weight),
        torch.zeros(len(weight)),
        stride=(1, 1),
        dilation=dilation,
        padding=padding,
    )


def _weight_gradient(
    gradient_BCHW: Tensor, image_BCHW: Tensor, dilation: Pair, padding: Pair
) -> Tensor:
    """C x 9."""
    gradient_BHWC, image_BHWC = (
        each.detach().float().permute(0, 2, 3, 1).contiguous().numpy()
        for each in (gradient_BCHW, image_BCHW)
    )
    images, height, _, channels = gradient_BHWC.shape
    starts = range(0, images * height, _ROWS)
    parts = np.zeros((len(starts), 9, channels), np.float32)

    def rows(part: int, start: int) -> None:
        stop = min(start + _ROWS, images * height)
        _add_rows(gradient_BHWC, image_BHWC, (dilation, padding), parts[part], start, stop)

    in_parallel(rows, list(enumerate(starts)))
    return torch.from_numpy(parts.sum(0, dtype=np.float32)).t()


@compiled
def _add_rows(
    gradient_BHWC: Floats,
    image_BHWC: Floats,
    steps: tuple[tuple[int, int], tuple[int, int]],
    total_9C: Floats,
    start: int,
    stop: int,
) -> None:
    dilation, padding = steps
    _, rows, columns, channels = gradient_BHWC.shape
    _, height, width, _ = image_BHWC.shape
    for row in range(start, stop):
        gradient_WC, image_HWC = gradient_BHWC[row // rows, row % rows], image_BHWC[row // rows]
        for tap in range(9):
            y = row % rows - padding[0] + tap // 3 * dilation[0]
            shift = tap % 3 * dilation[1] - padding[1]
            if 0 <= y < height:
                total_C, image_WC = total_9C[tap], image_HWC[y]
                for column in range(max(0, -shift), min(columns, width - shift)):
                    gradient_C, image_C = gradient_WC[column], image_WC[column + shift]
                    for c in range(channels):
                        total_C[c] += gradient_C[c] * image_C[c]
