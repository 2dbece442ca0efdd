"""Bilinear resize and cross entropy in one, forwards and backwards, in Triton.

The logits of a pixel are computed where they are needed and never stored. The gradient of each
coarse logit is gathered from the pixels that use it, in one order: results are reproducible.
Imports Triton: to be imported only where a kernel runs.
"""

import triton
import triton.language as tl


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
