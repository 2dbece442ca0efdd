"""CRC-32C (Castagnoli, RFC 3720 B.4) over large buffers, vectorised with numpy.

The buffer is cut into lanes of equal length that advance together, one 32-bit word a step. The
lanes' remainders are then joined pairwise: appending zeros is a linear map on a remainder.
"""

from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78
_ONES = 0xFFFFFFFF
_MASK_DELTA = 0xA282EAD8
_LONGEST_LANE = 1024

Words: TypeAlias = NDArray[np.uint32]


def masked_crc32c(data: bytes) -> int:
    """Return the checksum as LevelDB and TensorFlow store it: rotated and shifted."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & _ONES


def crc32c(data: bytes) -> int:
    """Return the CRC-32C of a buffer of any length."""
    octets = np.frombuffer(data, np.uint8)
    if octets.size < 4:
        return _by_octet(octets)
    words = -(-octets.size // 4)
    lane = min(_LONGEST_LANE, 1 << int(words**0.5).bit_length())
    lanes = -(-words // lane)
    # zeros in front leave the remainder as it is; the initial value is folded into the first word
    padded = np.zeros(lanes * lane * 4, np.uint8)
    start = padded.size - octets.size
    padded[start:] = octets
    padded[start : start + 4] ^= 0xFF
    columns = np.ascontiguousarray(padded.view("<u4").reshape(lanes, lane).T)
    remainders = np.zeros(lanes, np.uint32)
    for column in columns:
        remainders = _advance_word(remainders ^ column)
    return _join(remainders, lane.bit_length() - 1) ^ _ONES


def _by_octet(octets: NDArray[np.uint8]) -> int:
    crc = _ONES
    for octet in octets.tolist():
        crc = int(_octet_table()[(crc ^ octet) & 0xFF]) ^ crc >> 8
    return crc ^ _ONES


@lru_cache
def _octet_table() -> Words:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ _POLYNOMIAL, table >> 1).astype(np.uint32)
    return table


@lru_cache
def _half_tables() -> tuple[Words, Words]:
    """Return the low and the high 16 bits of a word after four zero octets, as tables."""
    low = np.arange(1 << 16, dtype=np.uint32)
    high = low << np.uint32(16)
    for _ in range(4):
        low, high = _advance_octet(low), _advance_octet(high)
    return low, high


def _advance_octet(remainders: Words) -> Words:
    shifted: Words = remainders >> np.uint32(8) ^ _octet_table()[remainders & np.uint32(0xFF)]
    return shifted


def _advance_word(remainders: Words) -> Words:
    low, high = _half_tables()
    advanced: Words = low[remainders & np.uint32(0xFFFF)] ^ high[remainders >> np.uint32(16)]
    return advanced


@lru_cache
def _advance_operator(exponent: int) -> Words:
    """Return the 32 bits of a remainder after 2**exponent words of zeros."""
    if exponent == 0:
        return _advance_word(np.uint32(1) << np.arange(32, dtype=np.uint32))
    half = _advance_operator(exponent - 1)
    return _apply(half, half)


def _apply(operator: Words, remainders: Words) -> Words:
    out = np.zeros_like(remainders)
    for bit in range(32):
        out ^= (remainders >> np.uint32(bit) & np.uint32(1)) * operator[bit]
    return out


def _join(remainders: Words, exponent: int) -> int:
    """Return the remainder of consecutive lanes of 2**exponent words."""
    while remainders.size > 1:
        if remainders.size % 2:
            remainders = np.concatenate([np.zeros(1, np.uint32), remainders])
        left, right = remainders[0::2], remainders[1::2]
        remainders = _apply(_advance_operator(exponent), left) ^ right
        exponent += 1
    return int(remainders[0])
