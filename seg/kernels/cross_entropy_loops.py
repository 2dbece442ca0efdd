"""Compiled loops of `cross_entropy` over one band of coarse rows.

Exponentials and logarithms are computed of whole blocks, so that compilers vectorise them; their
polynomials are those of Cephes' `expf` and `logf` (Moshier).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.kernels.linear_resize import blend, follow, narrow
from seg.kernels.numba_jit import compiled
from seg.kernels.resize import Positions

Floats = NDArray[np.float32]
_Target = tuple[NDArray[Any], int, Floats]
_f = np.float32
_LEAST, _LOG2_E, _LN2 = _f(-87.0), _f(1.44269504), _f(0.69314718)
_ROUNDS = _f(1.5 * 2**23)  # added, leaves the nearest integer in the lowest bits
_LN2_HIGH, _LN2_LOW = _f(0.693359375), _f(-2.12194440e-4)
_HALF, _ONE, _ROOT_HALF = _f(0.5), _f(1.0), _f(0.70710678)
_E0, _E1, _E2 = _f(1.9875691500e-4), _f(1.3981999507e-3), _f(8.3334519073e-3)
_E3, _E4, _E5 = _f(4.1665795894e-2), _f(1.6666665459e-1), _f(5.0000001201e-1)
_L0, _L1, _L2 = _f(7.0376836292e-2), _f(-1.1514610310e-1), _f(1.1676998740e-1)
_L3, _L4, _L5 = _f(-1.2420140846e-1), _f(1.4249322787e-1), _f(-1.6668057665e-1)
_L6, _L7, _L8 = _f(2.0000714765e-1), _f(-2.4999993993e-1), _f(3.3333331174e-1)
_EXPONENT_ONE, _MANTISSA = np.int32(127), np.int32(0x007FFFFF)
_HALF_BITS, _SHIFT = np.int32(0x3F000000), np.int32(23)


@compiled
def fill_losses(
    coarse_hKw: Floats,
    rows: Positions,
    columns: tuple[Positions, int],
    target: _Target,
    loss_HW: Floats,
    log_sum_HW: Floats,
) -> int:
    """Fill the losses of a band; return a label that is no class, or -1."""
    (low_H, share_H), ((low_W, share_W), block) = rows, columns
    label_HW, ignore_index, weight_K = target
    classes, width = coarse_hKw.shape[1], label_HW.shape[1]
    wide_2KW = np.empty((2, classes, block), np.float32)
    logit_KW, log_sum_W = np.empty((classes, block), np.float32), np.empty(block, np.float32)
    room_4W, rows_2 = np.empty((4, block), np.float32), np.empty(2, np.int64)
    invalid = -1
    for left in range(0, width, block):
        rows_2[:] = -1
        at = slice(left, left + block)
        for y in range(len(low_H)):
            half = follow(coarse_hKw, low_H[y], low_W[at], share_W[at], rows_2, wide_2KW)
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
                        invalid = int(label)
                loss_HW[y, left + x] = loss
    return invalid


@compiled
def _log_sum_exp(logit_KW: Floats, room_4W: Floats, log_sum_W: Floats) -> None:
    classes, block = logit_KW.shape
    greatest_W, room_W, power_W = room_4W[_greatest(logit_KW, room_4W)], room_4W[2], room_4W[3]
    log_sum_W[:] = 0
    for k in range(classes):
        _exponential(logit_KW[k], greatest_W, room_W, power_W)
        for x in range(block):
            log_sum_W[x] += power_W[x]
    _logarithm(log_sum_W, room_W, power_W)
    for x in range(block):
        log_sum_W[x] = greatest_W[x] + power_W[x]


@compiled
def _greatest(logit_KW: Floats, room_2W: Floats) -> int:
    """Put each pixel's greatest logit in a row of `room_2W` and return the row's index."""
    room_2W[0] = -np.inf  # by turns in one row and the other: stores then need no masks
    for k in range(len(logit_KW)):
        before_W, after_W, logit_W = room_2W[k % 2], room_2W[1 - k % 2], logit_KW[k]
        for x in range(logit_KW.shape[1]):
            before, value = before_W[x], logit_W[x]
            after_W[x] = value if value > before else before
    return len(logit_KW) % 2


@compiled
def add_gradient(
    coarse_hKw: Floats,
    rows: Positions,
    columns: tuple[Positions, int],
    first_w: NDArray[np.int64],
    target: _Target,
    upstream: tuple[Floats, Floats],
    grad_hKw: Floats,
    below_Kw: Floats,
    stop: int,
) -> tuple[float, int]:
    """Add the gradient of the coarse logits; return the summed losses and an invalid label or -1.

    Where `upstream` is empty, the gradient is that of the sum of all losses; otherwise the returned
    sum is 0.
    """
    (low_H, share_H), ((low_W, share_W), block), (log_sum_HW, grad_HW) = rows, columns, upstream
    classes, width = coarse_hKw.shape[1], target[0].shape[1]
    of_sum, total, invalid = log_sum_HW.size == 0, 0.0, -1
    wide_2KW = np.empty((2, classes, block), np.float32)
    sum_2KW = np.zeros((2, classes, block), np.float32)
    logit_KW, room_4W = np.empty((classes, block), np.float32), np.empty((4, block), np.float32)
    power_KW = np.empty((classes if of_sum else 0, block), np.float32)
    rows_2 = np.empty(2, np.int64)
    for left in range(0, width, block):
        rows_2[:] = -1
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
            lower = follow(coarse_hKw, row, low_W[at], share_W[at], rows_2, wide_2KW)
            blend(wide_2KW, lower, share, logit_KW)
            now_KW, later_KW = sum_2KW[half], sum_2KW[1 - half]
            if of_sum:
                added, unknown = _add_row_of_sum(
                    logit_KW, target, y, left, room_4W, power_KW, now_KW, later_KW, share
                )
                total += added
                invalid = max(invalid, unknown)
                continue
            room_4W[:2] = 0
            room_4W[0, : inside.stop - left] = log_sum_HW[y, inside]
            room_4W[1, : inside.stop - left] = grad_HW[y, inside]
            _add_row(logit_KW, target, y, left, room_4W, now_KW, later_KW, share)
    return total, invalid


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
    """Add the gradient of a block's logits to those of the two rows between which they lie."""
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
        _exponential(logit_KW[k], log_sum_W, room_W, power_W)
        _add(power_W, factor_W, share, now_KW[k], later_KW[k])


@compiled
def _add_row_of_sum(
    logit_KW: Floats,
    target: _Target,
    y: int,
    left: int,
    room_4W: Floats,
    power_KW: Floats,
    now_KW: Floats,
    later_KW: Floats,
    share: float,
) -> tuple[float, int]:
    """Add as `_add_row` for the sum of the losses; return it and an invalid label or -1."""
    label_HW, ignore_index, weight_K = target
    classes, block = logit_KW.shape
    place = _greatest(logit_KW, room_4W)
    greatest_W, sum_W, room_W, factor_W = (
        room_4W[place],
        room_4W[1 - place],
        room_4W[2],
        room_4W[3],
    )
    sum_W[:] = 0
    for k in range(classes):
        power_W = power_KW[k]
        _exponential(logit_KW[k], greatest_W, room_W, power_W)
        for x in range(block):
            sum_W[x] += power_W[x]
    _logarithm(sum_W, room_W, factor_W)
    for x in range(block):  # room_W: the logarithm of the sum of exps; factor_W: 1 over the sum
        room_W[x] = greatest_W[x] + factor_W[x]
        factor_W[x] = _ONE / sum_W[x]
    total, invalid = 0.0, -1
    width = min(block, label_HW.shape[1] - left)
    factor_W[width:] = 0
    for x in range(width):
        label = np.int64(label_HW[y, left + x])
        if 0 <= label < classes and label != ignore_index:
            weight = weight_K[label]
            total += weight * (room_W[x] - logit_KW[label, x])
            later = share * weight
            now_KW[label, x] -= weight - later
            later_KW[label, x] -= later
            factor_W[x] *= weight
        else:
            factor_W[x] = 0
            if label != ignore_index:
                invalid = int(label)
    for k in range(classes):
        _add(power_KW[k], factor_W, share, now_KW[k], later_KW[k])
    return total, invalid


@compiled
def _add(power_W: Floats, factor_W: Floats, share: float, now_W: Floats, later_W: Floats) -> None:
    """Split the products between the two rows between which a block's logits lie."""
    for x in range(len(power_W)):
        grad = power_W[x] * factor_W[x]
        later = share * grad
        now_W[x] += grad - later
        later_W[x] += later


@compiled
def _exponential(
    value_W: Floats,
    less_W: Floats,
    room_W: Floats,
    result_W: Floats,
) -> None:
    """Compute `exp(value - less)` of a block, of differences up to 80; below -87 as at -87.

    Its relative error is below 2e-7 + 3e-8 times the difference. `room_W` is scratch memory.
    """
    power_W, result_bits_W = room_W.view(np.int32), result_W.view(np.int32)
    for x in range(len(value_W)):
        value = value_W[x] - less_W[x]
        value = value if value > _LEAST else _LEAST
        shifted = value * _LOG2_E + _ROUNDS
        room_W[x] = shifted
        rest = value - (shifted - _ROUNDS) * _LN2
        series = ((((_E0 * rest + _E1) * rest + _E2) * rest + _E3) * rest + _E4) * rest + _E5
        result_W[x] = series * (rest * rest) + (rest + _ONE)
    for x in range(len(value_W)):
        result_bits_W[x] += power_W[x] << _SHIFT


@compiled
def _logarithm(value_W: Floats, room_W: Floats, result_W: Floats) -> None:
    """Compute the log of a block of normal positive numbers; `room_W` is scratch memory."""
    bits_W, mantissa_bits_W = value_W.view(np.int32), room_W.view(np.int32)
    for x in range(len(value_W)):
        result_W[x] = np.float32((bits_W[x] >> _SHIFT) - _EXPONENT_ONE + np.int32(1))
        mantissa_bits_W[x] = (bits_W[x] & _MANTISSA) | _HALF_BITS
    for x in range(len(value_W)):
        power, part = result_W[x], room_W[x]
        small = part < _ROOT_HALF
        power = power - _ONE if small else power
        rest = (part + part if small else part) - _ONE
        series = ((_L0 * rest + _L1) * rest + _L2) * rest + _L3
        series = (((series * rest + _L4) * rest + _L5) * rest + _L6) * rest + _L7
        square = rest * rest
        tail = (series * rest + _L8) * rest * square + power * _LN2_LOW - _HALF * square
        result_W[x] = rest + tail + power * _LN2_HIGH
