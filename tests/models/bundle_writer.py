"""Writes TensorFlow V2 checkpoints, for tests of what reads them.

Formats: leveldb/doc/table_format.md for the index; BundleHeaderProto and BundleEntryProto of
tensorflow/core/protobuf/tensor_bundle.proto, tensor types of core/framework/types.proto.
"""

import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.models.weights.crc32c import masked_crc32c

_TABLE_MAGIC = 0xDB4775248B80FB57
_HANDLES_OCTETS = 40
_DTYPES = {"float32": 1, "int64": 9}
_VARINT, _DELIMITED, _FIXED32 = 0, 2, 5


def write_bundle(prefix: Path, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Write `<prefix>.index` and one data file, as `tf.compat.v1.train.Saver` names them.

    Args:
        prefix: path without `.index`.
        tensors: float32 or int64 arrays by the names of their variables.
    """
    pairs = [(b"", _field(1, _VARINT, 1) + _field(3, _DELIMITED, _field(1, _VARINT, 1)))]
    offset = 0
    with prefix.with_name(f"{prefix.name}.data-00000-of-00001").open("wb") as data:
        for name in sorted(tensors):
            octets = np.ascontiguousarray(tensors[name]).tobytes()
            data.write(octets)
            pairs.append((name.encode(), _entry(tensors[name], offset, octets)))
            offset += len(octets)
    prefix.with_name(f"{prefix.name}.index").write_bytes(_table(pairs))


def _entry(array: NDArray[Any], offset: int, octets: bytes) -> bytes:
    sides = (_field(2, _DELIMITED, _field(1, _VARINT, side)) for side in array.shape)
    return (
        _field(1, _VARINT, _DTYPES[array.dtype.name])
        + _field(2, _DELIMITED, b"".join(sides))
        + _field(4, _VARINT, offset)
        + _field(5, _VARINT, len(octets))
        + _field(6, _FIXED32, masked_crc32c(octets))
    )


def _field(number: int, wire: int, value: int | bytes) -> bytes:
    tag = _varint(number << 3 | wire)
    if isinstance(value, bytes):
        return tag + _varint(len(value)) + value
    return tag + (_varint(value) if wire == _VARINT else struct.pack("<I", value))


def _varint(value: int) -> bytes:
    octets = bytearray()
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def _table(pairs: list[tuple[bytes, bytes]]) -> bytes:
    """One data block, an empty meta block, an index block, the footer."""
    table = b""
    handles = []
    for content in (_block(pairs), _block([])):
        handles.append(_varint(len(table)) + _varint(len(content)))
        table += _sealed(content)
    index = _block([(pairs[-1][0], handles[0])])
    handles.append(_varint(len(table)) + _varint(len(index)))
    footer = (handles[1] + handles[2]).ljust(_HANDLES_OCTETS, b"\0")
    return table + _sealed(index) + footer + struct.pack("<Q", _TABLE_MAGIC)


def _block(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Keys share what they can with the one before; one restart point, at the start."""
    block, previous = b"", b""
    for key, value in pairs:
        shared = _common(previous, key)
        block += _varint(shared) + _varint(len(key) - shared) + _varint(len(value))
        block += key[shared:] + value
        previous = key
    return block + struct.pack("<II", 0, 1)


def _common(previous: bytes, key: bytes) -> int:
    """How many octets both begin with."""
    pairs = enumerate(zip(previous, key, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(previous), len(key)))


def _sealed(block: bytes) -> bytes:
    uncompressed = block + b"\0"
    return uncompressed + struct.pack("<I", masked_crc32c(uncompressed))
