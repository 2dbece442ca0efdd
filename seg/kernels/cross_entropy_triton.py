"""Bilinear resize and cross entropy in one, forwards and backwards, in Triton.

The logits of a pixel are computed where they are needed and never stored. The gradient of each
coarse logit is gathered from the pixels that use it, in one order: results are reproducible.
Imports Triton: to be imported only where a kernel runs.
"""

from functools import lru_cache

import torch
import triton
import triton.language as tl
from torch import Tensor

from seg.kernels.depthwise_launch import device_of
from seg.kernels.resize import Resize, first_pixels

_PIXELS, _VALUES = 256, 64


def losses(
    values_BKhw: Tensor,
    label_BHW: Tensor,
    resize: Resize,
    ignore_index: int,
    weight: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return each pixel's weighted cross entropy, 0 where ignored, and its log of the sum of exps.

    Logits are float32, labels of any integer type.

    Returns:
        two tensors B x H x W; losses are NaN where a label is no class.
    """
    images, classes, *coarse = values_BKhw.shape
    height, width = label_BHW.shape[1:]
    positions, _, _ = _positions(values_BKhw.shape[2:], resize, values_BKhw.device)
    loss_BHW, log_sum_BHW = torch.empty(
        2, images, height, width, dtype=torch.float32, device=values_BKhw.device
    )
    with device_of(values_BKhw):
        pixel_losses[(images * height * -(-width // _PIXELS),)](
            values_BKhw.contiguous(),
            label_BHW.contiguous(),
            _weights(values_BKhw, weight),
            *positions,
            loss_BHW,
            log_sum_BHW,
            classes,
            *coarse,
            height,
            width,
            ignore_index,
            PIXELS=_PIXELS,
        )
    return loss_BHW, log_sum_BHW


def gradient(
    values_BKhw: Tensor,
    label_BHW: Tensor,
    resize: Resize,
    ignore_index: int,
    weight: Tensor | None,
    log_sum_BHW: Tensor,
    grad_BHW: Tensor,
) -> Tensor:
    """Return the gradient of the coarse logits, B x K x h x w, from that of `losses`."""
    images, classes, *coarse = values_BKhw.shape
    positions, firsts, span = _positions(values_BKhw.shape[2:], resize, values_BKhw.device)
    output_BKhw = torch.empty(values_BKhw.shape, dtype=torch.float32, device=values_BKhw.device)
    with device_of(values_BKhw):
        coarse_gradient[(images * classes * coarse[0] * -(-coarse[1] // _VALUES),)](
            values_BKhw.contiguous(),
            label_BHW.contiguous(),
            _weights(values_BKhw, weight),
            *positions,
            *firsts,
            log_sum_BHW,
            grad_BHW.contiguous(),
            output_BKhw,
            classes,
            *coarse,
            *label_BHW.shape[1:],
            ignore_index,
            span,
            VALUES=_VALUES,
            num_warps=_VALUES // 32,
        )
    return output_BKhw


def _weights(values_BKhw: Tensor, weight: Tensor | None) -> Tensor:
    """Return one factor a class."""
    if weight is None:
        return values_BKhw.new_ones(values_BKhw.shape[1])
    return weight.to(values_BKhw).contiguous()


@lru_cache(maxsize=16)  # a copy to the device waits for all work queued on it
def _positions(
    coarse: torch.Size, resize: Resize, device: torch.device
) -> tuple[list[Tensor], list[Tensor], int]:
    """Return positions and first pixels of the rows and of the columns, on the device.

    Returns:
        `low` (int32) and `share` (float32) of each; `first_pixels` of each (int32); and the
        greatest number of columns that one value is part of.
    """
    positions, firsts = [], []
    for axis in resize.axes(coarse):
        low, share = axis.positions(slice(0, axis.stop))
        first = torch.from_numpy(first_pixels(low, axis.coarse))
        positions += [
            torch.from_numpy(low).to(device, torch.int32),
            torch.from_numpy(share).to(device),
        ]
        firsts.append(first.to(device, torch.int32))
    before = (torch.arange(coarse[1]) - 1).clamp(min=0)
    return positions, firsts, int((first[1:] - first[before]).max())


@triton.jit
def pixel_losses(
    coarse: tl.tensor,
    label: tl.tensor,
    weight: tl.tensor,
    row_low: tl.tensor,
    row_share: tl.tensor,
    column_low: tl.tensor,
    column_share: tl.tensor,
    loss: tl.tensor,
    log_sum: tl.tensor,
    classes: tl.tensor,
    coarse_height: tl.tensor,
    coarse_width: tl.tensor,
    height: tl.tensor,
    width: tl.tensor,
    ignore_index: tl.tensor,
    PIXELS: tl.constexpr,
) -> None:
    """Store the weighted loss and the log of the sum of exponentials of some pixels of a row.

    The loss is NaN where the label is no class.
    """
    blocks = tl.cdiv(width, PIXELS)
    row = tl.program_id(0) // blocks  # counted over all images, one below the other
    x_P = tl.program_id(0) % blocks * PIXELS + tl.arange(0, PIXELS)
    inside_P = x_P < width
    low_y = tl.load(row_low + row % height)
    share_y = tl.load(row_share + row % height)
    low_P = tl.load(column_low + x_P, mask=inside_P, other=0)
    share_P = tl.load(column_share + x_P, mask=inside_P, other=0.0)
    offset_P = row.to(tl.int64) * width + x_P
    label_P = tl.load(label + offset_P, mask=inside_P, other=0).to(tl.int32)
    plane = coarse + (row // height).to(tl.int64) * classes * coarse_height * coarse_width
    greatest_P = tl.full([PIXELS], float("-inf"), tl.float32)
    sum_P = tl.zeros([PIXELS], tl.float32)
    right_P = tl.zeros([PIXELS], tl.float32)
    for k in range(0, classes):
        logit_P = _logit(plane, low_y, share_y, low_P, share_P, coarse_height, coarse_width)
        more_P = tl.maximum(greatest_P, logit_P)
        sum_P = sum_P * tl.exp(greatest_P - more_P) + tl.exp(logit_P - more_P)
        greatest_P = more_P
        right_P = tl.where(label_P == k, logit_P, right_P)
        plane += coarse_height * coarse_width
    log_sum_P = greatest_P + tl.log(sum_P)
    counted_P = inside_P & (label_P != ignore_index)
    is_class_P = (label_P >= 0) & (label_P < classes)
    weight_P = tl.load(weight + label_P, mask=counted_P & is_class_P, other=float("nan"))
    loss_P = tl.where(counted_P, weight_P * (log_sum_P - right_P), 0.0)
    tl.store(loss + offset_P, loss_P, mask=inside_P)
    tl.store(log_sum + offset_P, log_sum_P, mask=inside_P)


@triton.jit
def coarse_gradient(
    coarse: tl.tensor,
    label: tl.tensor,
    weight: tl.tensor,
    row_low: tl.tensor,
    row_share: tl.tensor,
    column_low: tl.tensor,
    column_share: tl.tensor,
    row_first: tl.tensor,
    column_first: tl.tensor,
    log_sum: tl.tensor,
    gradient: tl.tensor,
    output: tl.tensor,
    classes: tl.tensor,
    coarse_height: tl.tensor,
    coarse_width: tl.tensor,
    height: tl.tensor,
    width: tl.tensor,
    ignore_index: tl.tensor,
    span: tl.tensor,
    VALUES: tl.constexpr,
) -> None:
    """Store the gradient of some coarse logits of one class and row, from that of `pixel_losses`.

    `row_first` and `column_first` are the first pixel at or beyond each coarse value; `span` is
    the greatest number of columns that use one value.
    """
    blocks = tl.cdiv(coarse_width, VALUES)
    j_V = tl.program_id(0) % blocks * VALUES + tl.arange(0, VALUES)
    i = tl.program_id(0) // blocks % coarse_height
    image = tl.program_id(0) // blocks // coarse_height // classes
    k = tl.program_id(0) // blocks // coarse_height % classes
    inside_V = j_V < coarse_width
    begin_V = tl.load(column_first + tl.maximum(j_V - 1, 0), mask=inside_V, other=0)
    end_V = tl.load(column_first + j_V + 1, mask=inside_V, other=0)
    begin_y = tl.load(row_first + tl.maximum(i - 1, 0))
    end_y = tl.load(row_first + i + 1)
    place = (image * classes + k).to(tl.int64) * coarse_height * coarse_width
    total_V = tl.zeros([VALUES], tl.float32)
    for y in range(begin_y, end_y):
        low_y, share_y = tl.load(row_low + y), tl.load(row_share + y)
        part_y = tl.where(low_y == i, 1.0 - share_y, share_y)
        row = (image * height + y).to(tl.int64) * width
        for step in range(0, span):
            x_V = begin_V + step
            used_V = inside_V & (x_V < end_V)
            low_V = tl.load(column_low + x_V, mask=used_V, other=0)
            share_V = tl.load(column_share + x_V, mask=used_V, other=0.0)
            label_V = tl.load(label + row + x_V, mask=used_V, other=ignore_index).to(tl.int32)
            counted_V = used_V & (label_V != ignore_index)
            counted_V = counted_V & (label_V >= 0) & (label_V < classes)
            factor_V = tl.load(weight + label_V, mask=counted_V, other=0.0)
            factor_V *= tl.load(gradient + row + x_V, mask=counted_V, other=0.0)
            log_sum_V = tl.load(log_sum + row + x_V, mask=used_V, other=0.0)
            logit_V = _logit(
                coarse + place, low_y, share_y, low_V, share_V, coarse_height, coarse_width
            )
            slope_V = tl.exp(logit_V - log_sum_V) - tl.where(label_V == k, 1.0, 0.0)
            part_V = tl.where(low_V == j_V, 1.0 - share_V, share_V)
            total_V += tl.where(counted_V, part_y * part_V * factor_V * slope_V, 0.0)
    tl.store(output + place + i * coarse_width + j_V, total_V, mask=inside_V)


@triton.jit
def _logit(
    plane: tl.tensor,
    low_y: tl.tensor,
    share_y: tl.tensor,
    low_P: tl.tensor,
    share_P: tl.tensor,
    coarse_height: tl.tensor,
    coarse_width: tl.tensor,
) -> tl.tensor:
    """Return the logits of pixels of one row, from the coarse logits of one class."""
    after_P = tl.minimum(low_P + 1, coarse_width - 1)
    upper = plane + low_y * coarse_width
    lower = plane + tl.minimum(low_y + 1, coarse_height - 1) * coarse_width
    upper_P, lower_P = tl.load(upper + low_P), tl.load(lower + low_P)
    upper_P += share_P * (tl.load(upper + after_P) - upper_P)
    lower_P += share_P * (tl.load(lower + after_P) - lower_P)
    return upper_P + share_y * (lower_P - upper_P)
