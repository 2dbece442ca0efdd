"""Brush strokes of Label Studio: run-length encoded images of four channels."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seg.errors import DataError

MAX_RUNS = 2_000_000
"""Most runs of the strokes of one image: about ten seconds."""

_CHANNELS, _MASK = 4, 3  # red, green, blue, and alpha, which is the mask
_VALUE_BITS = 8
_LENGTH_BITS = (4, 8, 12, 16)  # of the lengths of runs that are written
_WINDOW = 8  # bytes that hold any number of 32 bits wherever it begins


@dataclass
class _Bits:
    """A stream of bits, the highest of each byte first."""

    content: bytes
    at: int = 0

    def read(self, count: int) -> int:
        """Return the next number of so many bits, at most 32."""
        first, shift = divmod(self.at, 8)
        self.at += count
        if self.at > 8 * len(self.content):
            raise ValueError("it ends early")
        window = self.content[first : first + _WINDOW].ljust(_WINDOW, b"\0")
        number = int.from_bytes(window, "big") >> (8 * _WINDOW - shift - count)
        return number & ((1 << count) - 1)

    def read_values(self, count: int, bits: int) -> NDArray[np.uint8]:
        """Return so many numbers of at most 8 bits."""
        first, shift = divmod(self.at, 8)
        self.at += count * bits
        past = -(-self.at // 8)
        if past > len(self.content):
            raise ValueError("it ends early")
        stream = np.unpackbits(np.frombuffer(self.content[first:past], np.uint8))
        digits_NB = stream[shift : shift + count * bits].reshape(count, bits)
        weights_B = (1 << np.arange(bits)[::-1]).astype(np.uint8)
        return np.asarray(digits_NB @ weights_B, np.uint8)


def decode_brush(
    rle: bytes, size: tuple[int, int], where: str, *, max_runs: int = MAX_RUNS
) -> tuple[NDArray[np.uint8], int]:
    """Decode the mask of a stroke, as label-studio-sdk 2.1.2 does (`converter.brush.decode_rle`).

    The encoding is that of rle-pack (github.com/thi-ng/umbrella): the number of values, their bits,
    four widths of lengths, then runs of one value or of several.

    Args:
        rle: the encoded stroke.
        size: width and height of the image, in px.
        where: the stroke, for messages.
        max_runs: the most runs that are decoded.

    Returns:
        uint8, H x W, alpha from 0 to 255, and the number of runs.

    Raises:
        DataError: it is damaged, of another size, or has too many runs.
    """
    width, height = size
    alpha = np.zeros(width * height, np.uint8)
    try:
        runs = _decode(rle, alpha, max_runs)
    except ValueError as error:
        fault = "too_large" if "too many" in str(error) else "annotation"
        raise DataError(f"{where}: its brush stroke is damaged: {error}", fault=fault) from error
    return alpha.reshape(height, width), runs


def _decode(rle: bytes, alpha: NDArray[np.uint8], max_runs: int) -> int:
    bits = _Bits(rle)
    count = bits.read(32)
    if count != _CHANNELS * alpha.size:
        raise ValueError(
            f"it has {count} values, and the image {alpha.size} pixels of {_CHANNELS} channels"
        )
    value_bits = bits.read(5) + 1
    if value_bits > _VALUE_BITS:
        raise ValueError(f"its values have {value_bits} bits; at most {_VALUE_BITS} are possible")
    length_bits = [bits.read(4) + 1 for _ in range(4)]
    start = runs = 0
    while start < count:
        runs += 1
        if runs > max_runs:
            raise ValueError(f"too many runs in one image: more than {MAX_RUNS}")
        is_repeated = bits.read(1)
        length = bits.read(length_bits[bits.read(2)]) + 1
        if start + length > count:
            raise ValueError("its runs go beyond the image")
        first = -(-(start - _MASK) // _CHANNELS)  # pixel whose mask is at or after the start
        if is_repeated:
            past = -(-(start + length - _MASK) // _CHANNELS)
            alpha[first:past] = bits.read(value_bits)
        else:
            masks = bits.read_values(length, value_bits)[
                _CHANNELS * first + _MASK - start :: _CHANNELS
            ]
            alpha[first : first + len(masks)] = masks
        start += length
    return runs


def encode_brush(mask_HW: NDArray[np.bool_]) -> bytes:
    """Encode a mask as a stroke; `decode_brush` returns 255 where it is set, else 0."""
    mask = mask_HW.ravel()
    starts = np.flatnonzero(np.diff(mask, prepend=~mask[:1]))
    lengths = np.diff(starts, append=mask.size) * _CHANNELS
    widths = "".join(f"{bits - 1:04b}" for bits in _LENGTH_BITS)
    stream = [f"{mask.size * _CHANNELS:032b}{_VALUE_BITS - 1:05b}{widths}"]
    for is_set, length in zip(mask[starts].tolist(), lengths.tolist(), strict=True):
        stream.extend(_run(length, "1" * _VALUE_BITS if is_set else "0" * _VALUE_BITS))
    bits = "".join(stream)
    count = -(-len(bits) // 8)
    return int(bits.ljust(8 * count, "0"), 2).to_bytes(count, "big")


def _run(length: int, value: str) -> Iterator[str]:
    """Yield the bits of equal values: a mark, which width, the length - 1, and the value."""
    longest = 1 << _LENGTH_BITS[-1]
    while length > 0:
        part = min(length, longest)
        which = next(at for at, bits in enumerate(_LENGTH_BITS) if part <= 1 << bits)
        yield f"1{which:02b}{part - 1:0{_LENGTH_BITS[which]}b}{value}"
        length -= part
