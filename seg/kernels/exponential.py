"""Exponentials and logarithms of whole blocks, written so that compilers vectorise them.

The polynomials are those of Cephes' `expf` and `logf` (Moshier).
"""

import numpy as np
from numpy.typing import NDArray

from seg.kernels.numba_jit import compiled

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
def exponential(
    value_W: NDArray[np.float32],
    less_W: NDArray[np.float32],
    room_W: NDArray[np.float32],
    result_W: NDArray[np.float32],
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
def logarithm(
    value_W: NDArray[np.float32], room_W: NDArray[np.float32], result_W: NDArray[np.float32]
) -> None:
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
