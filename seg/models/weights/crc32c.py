"""CRC-32C (Castagnoli, RFC 3720 B.4): by `google-crc32c` where it is installed, else by a table."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78
_ONES = 0xFFFFFFFF
_MASK_DELTA = 0xA282EAD8


def masked_crc32c(data: bytes) -> int:
    """Return the checksum as LevelDB and TensorFlow store it: rotated and shifted."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & _ONES


def crc32c(data: bytes) -> int:
    """Return the CRC-32C of a buffer of any length."""
    try:
        import google_crc32c
    except ImportError:
        loop, table = _loop_and_table()
        return int(loop(np.frombuffer(data, np.uint8), table))
    return int(google_crc32c.value(data))


@cache
def _loop_and_table() -> tuple[Any, NDArray[np.uint32]]:
    """Return the compiled loop over octets, and the remainder of each octet."""
    from seg.kernels.numba_jit import compiled  # imports Numba

    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ _POLYNOMIAL, table >> 1).astype(np.uint32)
    return compiled(_remainder), table


def _remainder(octets: NDArray[np.uint8], table: NDArray[np.uint32]) -> np.uint32:
    crc = np.uint32(_ONES)
    for octet in octets:
        crc = table[(crc ^ octet) & np.uint32(0xFF)] ^ crc >> np.uint32(8)
    return np.uint32(crc ^ np.uint32(_ONES))
