"""Exact percentiles of any number of values by their bits, 16 at a time from the highest on.

Each digit of 16 bits takes a pass over the values: one for values of up to 16 bits, two for 32,
four for 64. No more than a histogram of digits is held for each percentile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DIGIT_BITS = 16


@dataclass(frozen=True)
class Target:
    """A percentile that is looked for: its band, the bits known so far, its rank among these."""

    band: int
    prefix: int
    rank: int


def _key_bits(kind: str) -> int:
    return 8 * np.dtype(kind).itemsize


def num_digits(kind: str) -> int:
    """Return how many digits values of a type have."""
    return max(1, _key_bits(kind) // _DIGIT_BITS)


def empty_histogram(kind: str) -> NDArray[np.int64]:
    """Return a count of zero for each digit."""
    return np.zeros(2 ** min(_key_bits(kind), _DIGIT_BITS), np.int64)


def add_counts(
    histograms: Sequence[NDArray[np.int64]], digits: Sequence[tuple[NDArray[Any], NDArray[Any]]]
) -> None:
    """Add what `next_digits` returned to histograms, in place."""
    for histogram, (places, counts) in zip(histograms, digits, strict=True):
        histogram[places] += counts


def _keys(values: NDArray[Any]) -> NDArray[Any]:
    """Return unsigned numbers in the order of the values."""
    unsigned = np.dtype(f"u{values.dtype.itemsize}")
    if values.dtype.kind in "ub":
        return values.astype(unsigned, copy=False)
    sign = unsigned.type(1 << (_key_bits(values.dtype.name) - 1))
    bits = values.view(unsigned)
    if values.dtype.kind == "i":
        return np.asarray(bits ^ sign)
    return np.where(bits & sign, ~bits, bits | sign)


def value_of(key: int, kind: str) -> float:
    """Return the value whose bits a target has found."""
    dtype = np.dtype(kind)
    sign, every = 1 << (_key_bits(kind) - 1), (1 << _key_bits(kind)) - 1
    if dtype.kind == "i":
        key ^= sign
    elif dtype.kind == "f":
        key = key ^ sign if key & sign else every ^ key
    return float(np.array([key], f"u{dtype.itemsize}").view(dtype)[0])


def next_digits(values: NDArray[Any], prefix: int, known: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return which next digits follow a prefix of so many known ones, and how often."""
    keys, bits = _keys(values), _key_bits(values.dtype.name)
    width = min(bits, _DIGIT_BITS)
    shift = bits - width * (known + 1)
    if known:
        keys = keys[keys >> keys.dtype.type(shift + width) == prefix]
    digits = (keys >> keys.dtype.type(shift)) & keys.dtype.type(2**width - 1)
    counts = np.bincount(digits.astype(np.int64), minlength=1)
    places = np.flatnonzero(counts)
    return places, counts[places]


def narrowed(target: Target, histogram: NDArray[np.int64], kind: str) -> Target:
    """Return a target with one digit more."""
    below = np.cumsum(histogram)
    digit = int(np.searchsorted(below, target.rank))
    rank = target.rank - (int(below[digit - 1]) if digit else 0)
    return Target(target.band, target.prefix << min(_key_bits(kind), _DIGIT_BITS) | digit, rank)
