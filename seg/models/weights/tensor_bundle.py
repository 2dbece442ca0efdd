"""TensorFlow's V2 checkpoint files, read without TensorFlow.

`<prefix>.index` is a LevelDB table (leveldb/doc/table_format.md) from tensor name to
`BundleEntryProto` (tensorflow/core/protobuf/tensor_bundle.proto), which points into
`<prefix>.data-00000-of-0000N`. Every checksum in both is verified.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seg.errors import DataError
from seg.models.weights.crc32c import masked_crc32c

_TABLE_MAGIC = 0xDB4775248B80FB57
_FOOTER_OCTETS = 48
_TRAILER_OCTETS = 5
_UNCOMPRESSED = 0
# tensorflow/core/framework/types.proto
_DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 9: "<i8", 10: "?", 19: "<f2"}

Fields: TypeAlias = dict[int, list[int | bytes]]


@dataclass(frozen=True)
class Entry:
    """Place of a tensor in the data files.

    Attributes:
        dtype: number of its type in types.proto.
        shape: its sides.
        shard: number of the data file.
        offset: of its first octet there.
        size: in octets.
        checksum: masked CRC-32C of those.
    """

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int


class Bundle:
    """One checkpoint: the names and shapes of its tensors, each read on demand.

    Args:
        prefix: path without `.index`.

    Raises:
        DataError: a file that is missing, cut short or altered.
    """

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix
        index = prefix.with_name(prefix.name + ".index")
        try:
            table = dict(_read_table(index))
            self._shards = _number(_parse(table.pop(b"")), 1)
            self.entries = {name.decode(): _entry(value) for name, value in table.items()}
            _require_apart(self.entries.values())
        except (
            IndexError,
            KeyError,
            OSError,
            TypeError,
            UnicodeDecodeError,
            struct.error,
        ) as error:
            raise DataError(
                f"{index}: damaged TensorFlow index ({error}); fetch it again"
            ) from error

    def read(self, name: str) -> NDArray[Any]:
        """Read a tensor and verify its checksum."""
        entry = self.entries[name]
        path = self._prefix.with_name(
            f"{self._prefix.name}.data-{entry.shard:05d}-of-{self._shards:05d}"
        )
        dtype = np.dtype(_DTYPES.get(entry.dtype, "V1"))
        if dtype.kind == "V" or entry.size != dtype.itemsize * int(np.prod(entry.shape, dtype=int)):
            raise DataError(f"{path}: {name} has a type that is not read (number {entry.dtype})")
        octets = _read_exactly(path, entry.offset, entry.size)
        if masked_crc32c(octets) != entry.checksum:
            raise DataError(
                f"{path}: {name} fails its checksum; the file is damaged, fetch it again"
            )
        return np.frombuffer(octets, dtype).reshape(entry.shape)


def _require_apart(entries: Iterable[Entry]) -> None:
    """Refuse overlapping tensors: without them, all together fit into the files."""
    ends: dict[int, int] = {}
    for entry in sorted(entries, key=lambda entry: (entry.shard, entry.offset)):
        if entry.offset < ends.get(entry.shard, 0):
            raise IndexError(f"two tensors at octet {entry.offset}")
        ends[entry.shard] = entry.offset + entry.size


def _read_exactly(path: Path, offset: int, size: int) -> bytes:
    if not path.is_file():
        raise DataError(f"{path} is missing; a checkpoint is its .index and every .data file")
    length = path.stat().st_size
    if offset + size > length:
        raise DataError(
            f"{path} is cut short: {length} octets, {offset + size} are needed; fetch it again"
        )
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)


def _read_table(path: Path) -> Iterator[tuple[bytes, bytes]]:
    table = path.read_bytes()
    footer = table[-_FOOTER_OCTETS:]
    if len(footer) < _FOOTER_OCTETS or struct.unpack("<Q", footer[-8:])[0] != _TABLE_MAGIC:
        raise DataError(f"{path} is no TensorFlow index, or it is cut short; fetch it again")
    _, position = _handle(footer, 0)
    top, _ = _handle(footer, position)
    for _, value in _pairs(_block(table, top, path)):
        handle, _ = _handle(value, 0)
        yield from _pairs(_block(table, handle, path))


def _handle(data: bytes, position: int) -> tuple[tuple[int, int], int]:
    offset, position = _varint(data, position)
    size, position = _varint(data, position)
    return (offset, size), position


def _block(table: bytes, handle: tuple[int, int], path: Path) -> bytes:
    offset, size = handle
    stored = table[offset : offset + size + _TRAILER_OCTETS]
    if len(stored) != size + _TRAILER_OCTETS:
        raise DataError(f"{path} is cut short; fetch it again")
    if struct.unpack("<I", stored[-4:])[0] != masked_crc32c(stored[:-4]):
        raise DataError(f"{path} fails its checksum; the file is damaged, fetch it again")
    if stored[size] != _UNCOMPRESSED:
        raise DataError(f"{path} is compressed, which TensorFlow itself never does; save it again")
    return stored[:size]


def _pairs(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    restarts = struct.unpack("<I", block[-4:])[0]
    end = len(block) - 4 * (restarts + 1)
    position, key = 0, b""
    while position < end:
        shared, position = _varint(block, position)
        fresh, position = _varint(block, position)
        size, position = _varint(block, position)
        key = key[:shared] + block[position : position + fresh]
        position += fresh
        yield key, block[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        octet = data[position]
        position += 1
        if shift > 63:
            raise IndexError("a number of more than 64 bits")
        value |= (octet & 0x7F) << shift
        if octet < 0x80:
            return value, position
        shift += 7


def _parse(message: bytes) -> Fields:
    """Parse a protobuf message into fields by number."""
    fields: Fields = {}
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        value: int | bytes
        match tag & 7:
            case 0:
                value, position = _varint(message, position)
            case 2:
                size, position = _varint(message, position)
                value = message[position : position + size]
                position += size
            case 5:
                value = struct.unpack_from("<I", message, position)[0]
                position += 4
            case kind:
                raise IndexError(f"protobuf wire type {kind}")
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _number(fields: Fields, number: int) -> int:
    value = fields.get(number, [0])[0]
    if not isinstance(value, int):
        raise TypeError(f"field {number} is no number")
    return value


def _messages(fields: Fields, number: int) -> list[Fields]:
    return [_parse(value) for value in fields.get(number, []) if isinstance(value, bytes)]


def _entry(message: bytes) -> Entry:
    fields = _parse(message)
    sides = [side for shape in _messages(fields, 2) for side in _messages(shape, 2)]
    return Entry(
        dtype=_number(fields, 1),
        shape=tuple(_number(side, 1) for side in sides),
        shard=_number(fields, 3),
        offset=_number(fields, 4),
        size=_number(fields, 5),
        checksum=_number(fields, 6),
    )
