"""The files of a sharded copy: `labels.json`, `index.json`, and samples in litdata's layout.

Further keys of the JSON files are ignored. A sample is the sizes of its three parts (uint32), then
name, image and label, of which the arrays begin with type, rank and shape (uint32). Numbers are
little endian.
"""

import hashlib
import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt, PositiveInt

from seg.data.label_space import LabelSpace
from seg.data.readers.urls import Location, read_bytes
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.data.sample import Sample
from seg.errors import DataError
from seg.io.json_file import digest_of, parse_json
from seg.io.source import MAX_BYTES, Source, checked

LABELS_FILE = "labels.json"
INDEX_FILE = "index.json"
HOW_TO_GET = "python -m seg.prepare task=shards dataset=NAME output=DIR, then dataset.root=DIR"

_FORMAT = 1
_REMEDY = f"make the copy again: {HOW_TO_GET}"
_PART_KINDS = ["str", "numpy", "numpy"]  # litdata's names
_CHECKSUM_DIGITS = 8
_SEAL = "sha256"
_KIND_NUMBERS: dict[np.dtype[Any], int] = {
    np.dtype(kind): number for kind, number in (("u1", 4), ("u2", 5), ("f4", 9))
}
_KIND_OF = {number: kind for kind, number in _KIND_NUMBERS.items()}  # litdata's numbers
_SIZES = struct.Struct("<III")
_KIND = struct.Struct("<II")
_CHUNK_NAME = re.compile(r"chunk-\d+-\d+\.bin")


_Pair = Annotated[list[FiniteFloat], Field(min_length=2, max_length=2)]


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Decoding(_Lenient):
    value_range: _Pair | Annotated[list[_Pair], Field(min_length=1)] | None = None
    bands: list[PositiveInt | str] | None = None
    kind: str | None = None
    clip: bool = True
    nodata: FiniteFloat | Literal["nan"] | None = None


class _CopyFile(_Lenient):
    """`labels.json`."""

    format: int
    split: str
    samples: PositiveInt
    digest: str
    index: str
    labels: dict[str, Any]
    decoding: _Decoding = _Decoding()
    checksums: Annotated[str, Field(pattern="^[0-9a-f]*$")] | None = None
    sha256: str | None = None


class _ChunkEntry(_Lenient):
    filename: str
    chunk_bytes: NonNegativeInt
    chunk_size: PositiveInt


class _Config(_Lenient):
    data_format: list[str]
    compression: Any
    encryption: Any


class _IndexFile(_Lenient):
    """`index.json`, as litdata writes it."""

    config: _Config
    chunks: list[_ChunkEntry]


@dataclass(frozen=True)
class Copy:
    """The content of `labels.json`: the description of a whole copy of one split.

    Attributes:
        split: of the dataset.
        samples: how many there are.
        digest: SHA-256 over the samples' own, which cover names, shapes and pixels, in order.
        index: SHA-256 of `index.json`.
        labels: of the dataset.
        decoding: of its images.
        checksums: CRC-32 of each sample as it is stored, eight hexadecimal digits each; None in
            copies of early versions.
    """

    split: str
    samples: int
    digest: str
    index: str
    labels: LabelSpace
    decoding: ImageDecoding = PLAIN
    checksums: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        plain = {"samples": self.samples, "digest": self.digest, "index": self.index}
        whole = {"format": _FORMAT, "split": self.split, **plain, "labels": self.labels.to_dict()}
        if self.decoding != PLAIN:
            whole["decoding"] = self.decoding.to_dict()
        if self.checksums is None:
            return whole
        whole["checksums"] = self.checksums
        return {**whole, _SEAL: digest_of(whole)}

    @classmethod
    def read(cls, directory: Location) -> "Copy":
        """Read `labels.json` from the directory or address of a split.

        Raises:
            DataError: there is none (`fault` is `missing`), or it is not readable.
        """
        location = inside(directory, LABELS_FILE)
        source = Source(location, "label space of the shards", _REMEDY)
        content = parse_json(read_bytes(location, source.kind, max_bytes=MAX_BYTES), source)
        plain = checked(_CopyFile, content, source)
        if plain.format != _FORMAT:
            raise unreadable(location, f"format {plain.format}, not {_FORMAT}")
        if (plain.sha256, plain.checksums) != (None, None):
            if plain.sha256 != digest_of({k: v for k, v in content.items() if k != _SEAL}):
                raise unreadable(location, "it is not what was written: SHA-256 differs")
            if len(plain.checksums or "") != plain.samples * _CHECKSUM_DIGITS:
                raise unreadable(location, f"it has no checksum of each of {plain.samples} samples")
        try:
            labels = LabelSpace.from_dict(plain.labels)
            decoding = ImageDecoding.from_dict(plain.decoding.model_dump())
        except (KeyError, TypeError, ValueError) as error:
            raise unreadable(location, error) from error
        digests = plain.digest, plain.index
        return cls(plain.split, plain.samples, *digests, labels, decoding, plain.checksums)


@dataclass(frozen=True)
class Chunk:
    """A file of samples that `index.json` lists."""

    name: str
    size_bytes: int
    samples: int


def inside(directory: Location, name: str) -> Location:
    """Return the location of a file or directory below a directory or an address."""
    return directory / name if isinstance(directory, Path) else f"{directory.rstrip('/')}/{name}"


def read_index(directory: Location, copy: Copy) -> list[Chunk]:
    """Read the files of a copy from the directory or address of a split.

    Raises:
        DataError: the index is missing, damaged, or of another copy.
    """
    location = inside(directory, INDEX_FILE)
    content = read_bytes(location, "index of the shards", max_bytes=MAX_BYTES)
    if hashlib.sha256(content).hexdigest() != copy.index:
        raise unreadable(location, f"it is not the one of {LABELS_FILE}")
    source = Source(location, "index of the shards", _REMEDY)
    plain = checked(_IndexFile, parse_json(content, source), source)
    config = plain.config
    if config.data_format != _PART_KINDS or config.compression or config.encryption:
        raise unreadable(location, "samples are not plain name, image and label")
    chunks = [Chunk(each.filename, each.chunk_bytes, each.chunk_size) for each in plain.chunks]
    misnamed = [chunk.name for chunk in chunks if not _CHUNK_NAME.fullmatch(chunk.name)]
    if misnamed or sum(chunk.samples for chunk in chunks) != copy.samples or not copy.samples:
        raise unreadable(location, f"it does not fit {copy.samples} samples")
    return chunks


def unreadable(location: Location, why: object) -> DataError:
    """Return the error of a file that is no part of a copy, or no longer."""
    return DataError(
        f"{location}: no readable part of a sharded copy ({why})\n  make it again: {HOW_TO_GET}",
        fault="damaged",
    )


def checksum_of(sample: Sample) -> int:
    """Return the CRC-32 of the bytes that are stored of a sample."""
    name = sample.name.encode()
    arrays = [np.ascontiguousarray(array) for array in (sample.image, sample.label)]
    headers = [
        struct.pack(f"<{2 + a.ndim}I", _KIND_NUMBERS[a.dtype], a.ndim, *a.shape) for a in arrays
    ]
    sizes = [len(header) + array.nbytes for header, array in zip(headers, arrays, strict=True)]
    checksum = zlib.crc32(name, zlib.crc32(_SIZES.pack(len(name), *sizes)))
    for header, array in zip(headers, arrays, strict=True):
        checksum = zlib.crc32(array.data, zlib.crc32(header, checksum))
    return checksum


def parse_sample(content: memoryview, decoding: ImageDecoding, labels: LabelSpace) -> Sample:
    """Return the sample that these bytes hold; its arrays share their memory where aligned.

    Args:
        content: of one sample.
        decoding: of its image, which says of which type and of how many channels it is.
        labels: which say of which type its label is.

    Raises:
        ValueError, struct.error: the sizes do not agree.
    """
    name_bytes, image_bytes, label_bytes = _SIZES.unpack_from(content)
    image_at = _SIZES.size + name_bytes
    label_at = image_at + image_bytes
    if label_at + label_bytes != len(content):
        raise ValueError("sizes of parts do not add up")
    image = _array(content[image_at:label_at], rank=3)
    label = _array(content[label_at:], rank=2)
    if image.dtype == np.uint8 and decoding.dtype is np.float32:
        image = image.astype(np.float32)  # early versions rounded scaled images to 8 bits
    fitting = image.dtype == decoding.dtype and label.dtype == labels.dtype
    if not fitting or image.shape != (*label.shape, decoding.channels):
        found = f"image {image.dtype} {image.shape} with label {label.dtype} {label.shape}"
        raise ValueError(found)
    return Sample(str(content[_SIZES.size : image_at], "utf-8"), image, label)


def _array(content: memoryview, *, rank: int) -> NDArray[Any]:
    kind, stored_rank, *shape = struct.unpack_from(f"<II{rank}I", content)
    if kind not in _KIND_OF or stored_rank != rank:
        raise ValueError(f"an array of type {kind} and rank {stored_rank}")
    array = np.frombuffer(content, _KIND_OF[kind], offset=_KIND.size + 4 * rank).reshape(shape)
    return np.require(array, requirements="A")  # as a copy where bytes before it are uneven
