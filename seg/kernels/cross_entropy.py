"""Bilinear resize and cross entropy in one, forward and backward, block by block.

Each block's logits are made twice, once a direction, and live in the caches alone. The work is cut
by coarse rows, the same way for any number of threads, and each coarse value's gradient is summed
in one order: results are the same each time.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seg.errors import DataError
from seg.kernels.compiled import compiled, in_parallel
from seg.kernels.exponential import exponential, logarithm
from seg.kernels.places import Places, blend, block_px, follow, narrow

_BAND = 16  # coarse rows
Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
_Axis = tuple[Integers, Floats]
Labels = NDArray[np.uint8]
_Target = tuple[Labels, int, Floats]


@dataclass(frozen=True)
class Pixels:
    """What is compared with the logits, and where they lie.

    Attributes:
        label_BHW: classes, or `ignore_index`.
        ignore_index: label of pixels that do not count.
        weight_K: one factor a class.
        rows, columns: H and W pixels, in rising order.
    """

    label_BHW: Labels
    ignore_index: int
    weight_K: Floats
    rows: Places
    columns: Places


def losses(coarse_BhKw: Floats, pixels: Pixels) -> tuple[Floats, Floats]:
    """Weighted cross entropy of each pixel, 0 where ignored, and the logarithm of its sum of exps.

    Returns:
        two arrays B x H x W.

    Raises:
        DataError: a label is no class.
    """
    loss_BHW, log_sum_BHW = (np.empty(pixels.label_BHW.shape, np.float32) for _ in range(2))
    block = block_px(len(pixels.columns), coarse_BhKw.shape[2])
    columns = pixels.columns.padded(block)
    first_H = pixels.rows.first(coarse_BhKw.shape[1])

    def band(image: int, start: int, stop: int) -> int:
        part = slice(first_H[start], first_H[stop])
        if part.start == part.stop:
            return -1
        return int(
            _losses(
                coarse_BhKw[image],
                (pixels.rows.low[part], pixels.rows.share[part]),
                (columns.low, columns.share, block),
                (pixels.label_BHW[image, part], pixels.ignore_index, pixels.weight_K),
                loss_BHW[image, part],
                log_sum_BHW[image, part],
            )
        )

    strangers = [label for label in in_parallel(band, _cut(coarse_BhKw)) if label >= 0]
    if strangers:
        classes = coarse_BhKw.shape[2]
        raise DataError(f"the label holds {strangers[0]}; allowed: 0..{classes - 1}")
    return loss_BHW, log_sum_BHW


def gradient(coarse_BhKw: Floats, pixels: Pixels, log_sum_BHW: Floats, grad_BHW: Floats) -> Floats:
    """Of the coarse logits, B x h x K x w, from that of `losses`."""
    grad_BhKw: Floats = np.zeros_like(coarse_BhKw)
    parts = _cut(coarse_BhKw)
    block = block_px(len(pixels.columns), coarse_BhKw.shape[2])
    columns = pixels.columns.padded(block)
    first_H = pixels.rows.first(coarse_BhKw.shape[1])
    first_w = pixels.columns.first(coarse_BhKw.shape[3])

    def band(image: int, start: int, stop: int) -> Floats:
        part = slice(first_H[start], first_H[stop])
        # of the row that the next band begins with
        below_Kw: Floats = np.zeros_like(coarse_BhKw[0, 0])
        if part.start == part.stop:
            return below_Kw
        _gradient(
            coarse_BhKw[image],
            (pixels.rows.low[part], pixels.rows.share[part]),
            (columns.low, columns.share, block),
            first_w,
            (pixels.label_BHW[image, part], pixels.ignore_index, pixels.weight_K),
            (log_sum_BHW[image, part], grad_BHW[image, part]),
            grad_BhKw[image],
            below_Kw,
            stop,
        )
        return below_Kw

    for (image, _, stop), below_Kw in zip(parts, in_parallel(band, parts), strict=True):
        if stop < coarse_BhKw.shape[1]:
            grad_BhKw[image, stop] += below_Kw
    return grad_BhKw


def _cut(coarse_BhKw: Floats) -> list[tuple[int, int, int]]:
    """Image, first coarse row and the one after the last of each band."""
    images, height = coarse_BhKw.shape[:2]
    starts = range(0, height, _BAND)
    return [(b, start, min(start + _BAND, height)) for b in range(images) for start in starts]


@compiled
def _losses(
    coarse_hKw: Floats,
    rows: _Axis,
    columns: tuple[Integers, Floats, int],
    target: _Target,
    loss_HW: Floats,
    log_sum_HW: Floats,
) -> int:
    """Returns a label that is no class, or -1."""
    (low_H, share_H), (low_W, share_W, block), (label_HW, ignore_index, weight_K) = (
        rows,
        columns,
        target,
    )
    classes, width = coarse_hKw.shape[1], label_HW.shape[1]
    wide_2KW = np.empty((2, classes, block), np.float32)
    logit_KW, log_sum_W = np.empty((classes, block), np.float32), np.empty(block, np.float32)
    room_4W, held_2 = np.empty((4, block), np.float32), np.empty(2, np.int64)
    stranger = -1
    for left in range(0, width, block):
        held_2[:] = -1
        at = slice(left, left + block)
        for y in range(len(low_H)):
            half = follow(coarse_hKw, low_H[y], low_W[at], share_W[at], held_2, wide_2KW)
            blend(wide_2KW, half, share_H[y], logit_KW)
            _log_sum_exp(logit_KW, room_4W, log_sum_W)
            for x in range(min(block, width - left)):
                log_sum_HW[y, left + x] = log_sum_W[x]
                label = np.int64(label_HW[y, left + x])
                loss = np.float32(0)
                if label != ignore_index:
                    if 0 <= label < classes:
                        loss = weight_K[label] * (log_sum_W[x] - logit_KW[label, x])
                    else:
                        stranger = int(label)
                loss_HW[y, left + x] = loss
    return stranger


@compiled
def _log_sum_exp(logit_KW: Floats, room_4W: Floats, log_sum_W: Floats) -> None:
    classes, block = logit_KW.shape
    greatest_2W, room_W, power_W = room_4W[:2], room_4W[2], room_4W[3]
    greatest_2W[0] = -np.inf  # by turns in one half and the other: stores then need no masks
    for k in range(classes):
        before_W, after_W, logit_W = greatest_2W[k % 2], greatest_2W[1 - k % 2], logit_KW[k]
        for x in range(block):
            before, value = before_W[x], logit_W[x]
            after_W[x] = value if value > before else before
    greatest_W = greatest_2W[classes % 2]
    log_sum_W[:] = 0
    for k in range(classes):
        exponential(logit_KW[k], greatest_W, room_W, power_W)
        for x in range(block):
            log_sum_W[x] += power_W[x]
    logarithm(log_sum_W, room_W, power_W)
    for x in range(block):
        log_sum_W[x] = greatest_W[x] + power_W[x]


@compiled
def _gradient(
    coarse_hKw: Floats,
    rows: _Axis,
    columns: tuple[Integers, Floats, int],
    first_w: Integers,
    target: _Target,
    upstream: tuple[Floats, Floats],
    grad_hKw: Floats,
    below_Kw: Floats,
    stop: int,
) -> None:
    (low_H, share_H), (low_W, share_W, block), (log_sum_HW, grad_HW) = rows, columns, upstream
    classes, width = coarse_hKw.shape[1], log_sum_HW.shape[1]
    wide_2KW = np.empty((2, classes, block), np.float32)
    sum_2KW = np.zeros((2, classes, block), np.float32)
    logit_KW, room_4W = np.empty((classes, block), np.float32), np.empty((4, block), np.float32)
    held_2 = np.empty(2, np.int64)
    for left in range(0, width, block):
        held_2[:] = -1
        half, row = 0, low_H[0]
        at, inside = slice(left, left + block), slice(left, min(left + block, width))
        for y in range(len(low_H) + 1):
            after = low_H[y] if y < len(low_H) else -1
            if after != row:
                narrow(sum_2KW[half], left, low_W[at], share_W[at], first_w, grad_hKw[row])
                if after == row + 1:
                    half = 1 - half
                elif row + 1 < len(coarse_hKw):
                    into_Kw = below_Kw if row + 1 == stop else grad_hKw[row + 1]
                    narrow(sum_2KW[1 - half], left, low_W[at], share_W[at], first_w, into_Kw)
                row = after
            if after < 0:
                break
            share = share_H[y]
            lower = follow(coarse_hKw, row, low_W[at], share_W[at], held_2, wide_2KW)
            blend(wide_2KW, lower, share, logit_KW)
            room_4W[:2] = 0
            room_4W[0, : inside.stop - left] = log_sum_HW[y, inside]
            room_4W[1, : inside.stop - left] = grad_HW[y, inside]
            _add_row(logit_KW, target, y, left, room_4W, sum_2KW[half], sum_2KW[1 - half], share)


@compiled
def _add_row(
    logit_KW: Floats,
    target: _Target,
    y: int,
    left: int,
    room_4W: Floats,
    now_KW: Floats,
    later_KW: Floats,
    share: float,
) -> None:
    """Add the gradient of a block's logits to those of the two rows that they lie between."""
    label_HW, ignore_index, weight_K = target
    classes, block = logit_KW.shape
    log_sum_W, factor_W, room_W, power_W = room_4W[0], room_4W[1], room_4W[2], room_4W[3]
    for x in range(min(block, label_HW.shape[1] - left)):
        label = np.int64(label_HW[y, left + x])
        if label == ignore_index:
            factor_W[x] = 0
        else:
            factor_W[x] *= weight_K[label]
            later = share * factor_W[x]
            now_KW[label, x] -= factor_W[x] - later
            later_KW[label, x] -= later
    for k in range(classes):
        now_W, later_W = now_KW[k], later_KW[k]
        exponential(logit_KW[k], log_sum_W, room_W, power_W)
        for x in range(block):
            grad = power_W[x] * factor_W[x]
            later = share * grad
            now_W[x] += grad - later
            later_W[x] += later
