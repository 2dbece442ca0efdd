"""Depthwise 3x3 convolutions with any stride and dilation, channels last, forward.

oneDNN falls to a few GFLOP/s on dilated ones in this layout. Here each pixel's channels are summed
tap by tap, so that dilation costs nothing, and taps outside the image are skipped.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.overrides import wrap_torch_function

from seg.kernels.numba_jit import bands, compiled, in_parallel

_LEAST_ROWS = 2
Floats = NDArray[np.float32]


@wrap_torch_function(lambda image_BCHW, *_, **__: (image_BCHW,))  # profilers of operators see it
def depthwise(
    image_BCHW: Tensor,
    weight_9C: Tensor,
    bias_C: Tensor,
    *,
    stride: tuple[int, int],
    dilation: tuple[int, int],
    padding: tuple[int, int],
) -> Tensor:
    """Compute `functional.conv2d` of one 3x3 kernel a channel, without gradients, in float32.

    Args:
        image_BCHW: on a CPU; anything but float32 in channels_last is copied.
        weight_9C: taps from the top left, row by row: see `depthwise_shapes.taps_first`.
        bias_C: added.
        stride: down and across, pixels.
        dilation: down and across, pixels.
        padding: down and across, pixels.

    Returns:
        B x C x H' x W' of the image's type, channels_last.
    """
    image_BHWC = image_BCHW.detach().float().permute(0, 2, 3, 1).contiguous().numpy()
    sides = zip(image_BCHW.shape[2:], stride, dilation, padding, strict=True)
    height, width = ((side + 2 * pad - 2 * gap - 1) // step + 1 for side, step, gap, pad in sides)
    images, channels = image_BCHW.shape[:2]
    out_BHWC = torch.empty(images, height, width, channels, dtype=torch.float32)
    out_RWC = out_BHWC.numpy().reshape(images * height, width, channels)
    weight, bias = weight_9C.numpy(), bias_C.numpy()

    def rows(start: int, stop: int) -> None:
        _rows(image_BHWC, weight, bias, (stride, dilation, padding), out_RWC, start, stop)

    in_parallel(rows, bands(len(out_RWC), _LEAST_ROWS))
    return out_BHWC.permute(0, 3, 1, 2).to(image_BCHW.dtype)


@compiled
def _rows(
    image_BHWC: Floats,
    weight_9C: Floats,
    bias_C: Floats,
    steps: tuple[tuple[int, int], tuple[int, int], tuple[int, int]],
    out_RWC: Floats,
    start: int,
    stop: int,
) -> None:
    stride, dilation, padding = steps
    images, height, width, _ = image_BHWC.shape
    rows_an_image = len(out_RWC) // images
    for row in range(start, stop):
        image_HWC = image_BHWC[row // rows_an_image]
        top = row % rows_an_image * stride[0] - padding[0]
        for column in range(out_RWC.shape[1]):
            left = column * stride[1] - padding[1]
            out_C = out_RWC[row, column]
            out_C[:] = bias_C
            middle, right = left + dilation[1], left + 2 * dilation[1]
            for tap in range(3):
                y = top + tap * dilation[0]
                if 0 <= y < height:
                    image_WC, weight_3C = image_HWC[y], weight_9C[3 * tap : 3 * tap + 3]
                    if left >= 0 and right < width:
                        _three(
                            out_C,
                            (image_WC[left], image_WC[middle], image_WC[right]),
                            (weight_3C[0], weight_3C[1], weight_3C[2]),
                        )
                    else:
                        for step in range(3):
                            x = left + step * dilation[1]
                            if 0 <= x < width:
                                _one(out_C, image_WC[x], weight_3C[step])


@compiled
def _three(
    out_C: Floats, image_3C: tuple[Floats, Floats, Floats], weight_3C: tuple[Floats, Floats, Floats]
) -> None:
    (left_C, middle_C, right_C), (first_C, second_C, third_C) = image_3C, weight_3C
    for c in range(len(out_C)):
        total = out_C[c] + left_C[c] * first_C[c]
        out_C[c] = total + middle_C[c] * second_C[c] + right_C[c] * third_C[c]


@compiled
def _one(out_C: Floats, image_C: Floats, weight_C: Floats) -> None:
    for c in range(len(out_C)):
        out_C[c] += image_C[c] * weight_C[c]
