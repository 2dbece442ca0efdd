"""A lossless copy of a dataset in few large files, read by index from memory maps.

The files are chunks of litdata (`chunk-0-0.bin`, ..., `index.json`) and are read here by their
layout: a chunk holds the number of its samples and the offsets of all (uint32), then the samples;
a sample the sizes of its three parts (uint32), then name, image and label, of which the arrays
begin with type, rank and shape (uint32). Numbers are little endian.
"""

import hashlib
import mmap
import re
import struct
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.files.cache_folder import cache_folder
from seg.data.files.decoding import PLAIN, ImageDecoding, current_decoding
from seg.data.files.locations import Location, is_remote, read_bytes
from seg.data.files.roots import find_root
from seg.data.labels import LabelSpace
from seg.data.sample import IMAGE_CHANNELS, Sample
from seg.data.shard_files import CopyFile, IndexFile
from seg.errors import ConfigError, DataError
from seg.io.json_file import parse_json
from seg.io.source import Source, checked

LABELS_FILE = "labels.json"
INDEX_FILE = "index.json"
PARTS = ("name", "image", "label")
HOW_TO_GET = "python -m seg.prepare task=shards dataset=NAME output=DIR, then dataset.root=DIR"

_FORMAT = 1
_REMEDY = f"make the copy again: {HOW_TO_GET}"
_PART_KINDS = ["str", "numpy", "numpy"]  # litdata's names
_UINT8 = 4  # litdata's number of the type
_TWO = struct.Struct("<II")
_SIZES = struct.Struct("<III")
_CHUNK_NAME = re.compile(r"chunk-\d+-\d+\.bin")
_MAX_MAPPED = 128  # each holds a file open; most systems allow a process 1024


@dataclass(frozen=True)
class Copy:
    """What `labels.json` says of a whole copy of one split.

    Attributes:
        split: of the dataset.
        samples: how many there are.
        digest: SHA-256 over the samples' own, which cover names, shapes and pixels, in order.
        index: SHA-256 of `index.json`.
        labels: of the dataset.
        decoding: of its images.
    """

    split: str
    samples: int
    digest: str
    index: str
    labels: LabelSpace
    decoding: ImageDecoding = PLAIN

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        plain = {"samples": self.samples, "digest": self.digest, "index": self.index}
        whole = {"format": _FORMAT, "split": self.split, **plain, "labels": self.labels.to_dict()}
        return whole if self.decoding == PLAIN else {**whole, "decoding": self.decoding.to_dict()}

    @classmethod
    def read(cls, folder: Location) -> "Copy":
        """Read it from the folder or address of a split.

        Raises:
            DataError: there is none (`fault` is `missing`), or it is not readable.
        """
        location = inside(folder, LABELS_FILE)
        content = read_bytes(location, "label space of the shards")
        source = Source(location, "label space of the shards", _REMEDY)
        plain = checked(CopyFile, parse_json(content, source), source)
        if plain.format != _FORMAT:
            raise _damaged(location, f"format {plain.format}, not {_FORMAT}")
        try:
            labels = LabelSpace.from_dict(plain.labels)
            decoding = ImageDecoding.from_dict(plain.decoding.model_dump())
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(location, error) from error
        return cls(plain.split, plain.samples, plain.digest, plain.index, labels, decoding)


@dataclass(frozen=True)
class _Chunk:
    name: str
    size_bytes: int
    samples: int


class Shards:
    """One split of the copy that `python -m seg.prepare task=shards` writes.

    Its samples equal those of the original: names, pixels, labels and order. Local files are mapped
    where they lie. Those of an object store are fetched whole, each when one of its samples is
    first asked for, and kept in `$SEG_CACHE/shards`, which needs room for all of the copy.

    The arrays of its samples are read-only.

    Args:
        split: the folder below `root`: `train`, `val` or `test`.
        root: a folder, or an address (`s3://BUCKET/FOLDER`) (see
            `seg.data.files.addresses`);
            None: `$SEG_DATA/shards` or `data/shards`.

    Raises:
        DataError: no such copy, an incomplete one, or one that is not readable.
    """

    def __init__(self, *, split: str, root: str | Path | None = None) -> None:
        self._folder: Location
        if root is not None and is_remote(root):
            self._folder = inside(root, split)
        else:
            expected = (f"{split}/{LABELS_FILE}",)
            home = find_root(root, dataset="shards", expected=expected, how_to_get=HOW_TO_GET)
            self._folder = home / split
        copy = Copy.read(self._folder)
        self.labels = copy.labels
        self.split = split
        self.decoding = current_decoding()
        _check_decoding(self._folder, copy.decoding, self.decoding)
        self._chunks = _read_index(self._folder, copy)
        self._ends = np.cumsum([chunk.samples for chunk in self._chunks]).tolist()
        self._mapped: OrderedDict[int, mmap.mmap] = OrderedDict()
        self._kept = cache_folder() / "shards" / copy.index[:32]
        if isinstance(self._folder, Path):
            self._kept = self._folder
            for chunk in self._chunks:
                self._check_size(chunk)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> Sample:
        """Read one sample.

        Raises:
            IndexError: there is no such sample.
            DataError: its file is missing, damaged or out of reach.
        """
        index = range(len(self))[index]
        number = bisect_right(self._ends, index)
        chunk = self._chunks[number]
        position = index - self._ends[number] + chunk.samples
        content = self._content(number)
        try:
            begin, end = _TWO.unpack_from(content, 4 * (1 + position))
            return _parsed(memoryview(content)[begin:end])
        except (struct.error, ValueError) as error:
            raise _damaged(self._kept / chunk.name, error) from error

    def __getstate__(self) -> dict[str, object]:
        """Without the maps: a spawned worker opens its own."""
        return {**self.__dict__, "_mapped": OrderedDict()}

    @property
    def size_bytes(self) -> int:
        """Of all chunks together."""
        return sum(chunk.size_bytes for chunk in self._chunks)

    @property
    def num_chunks(self) -> int:
        return len(self._chunks)

    def _content(self, number: int) -> mmap.mmap:
        """The bytes of a chunk; samples that are still in use keep a map that is dropped here."""
        if number in self._mapped:
            self._mapped.move_to_end(number)
            return self._mapped[number]
        chunk = self._chunks[number]
        if not isinstance(self._folder, Path):
            self._fetch(chunk)
        self._check_size(chunk)
        with (self._kept / chunk.name).open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._mapped[number] = content
        if len(self._mapped) > _MAX_MAPPED:
            self._mapped.popitem(last=False)
        return content

    def _fetch(self, chunk: _Chunk) -> None:
        """Bring a chunk to this machine; of processes that want the same, one does."""
        import fcntl  # not on Windows, where local copies are read, too

        path = self._kept / chunk.name
        if path.exists():
            return
        try:
            self._kept.mkdir(parents=True, exist_ok=True)
            with (self._kept / f"{chunk.name}.lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # a killed process lets go of it
                if path.exists():
                    return
                beside = self._kept / f"{chunk.name}.part"
                beside.write_bytes(read_bytes(inside(self._folder, chunk.name), "chunk"))
                beside.replace(path)
        except OSError as error:
            raise DataError(
                f"{path}: a chunk of {self._folder} cannot be kept there"
                f" ({error.strerror or error})\n"
                f"  make room for {self.size_bytes / 2**30:.1f} GiB there,"
                " or set $SEG_CACHE to another folder",
                fault="unwritable",
            ) from error

    def _check_size(self, chunk: _Chunk) -> None:
        path = self._kept / chunk.name
        try:
            found = path.stat().st_size
        except OSError as error:
            raise DataError(
                f"{path}: {error.strerror}; the copy is incomplete\n  make it again: {HOW_TO_GET}",
                fault="missing",
            ) from error
        if found != chunk.size_bytes:
            raise DataError(
                f"{path}: has {found} bytes, {INDEX_FILE} says {chunk.size_bytes}\n"
                "  delete it where it was fetched, else make the copy again",
                fault="truncated",
            )


def _check_decoding(folder: Location, copied: ImageDecoding, declared: ImageDecoding) -> None:
    """Checkpoints remember what the configuration says: it must be what the copy was made by."""
    if copied != declared:
        raise ConfigError(f"{folder}: the copy was made with {copied}\n  give the same here")


def inside(folder: Location, name: str) -> Location:
    """A file or folder below a folder or an address."""
    return folder / name if isinstance(folder, Path) else f"{folder.rstrip('/')}/{name}"


def _read_index(folder: Location, copy: Copy) -> list[_Chunk]:
    location = inside(folder, INDEX_FILE)
    content = read_bytes(location, "index of the shards")
    if hashlib.sha256(content).hexdigest() != copy.index:
        raise _damaged(location, f"it is not the one of {LABELS_FILE}")
    source = Source(location, "index of the shards", _REMEDY)
    plain = checked(IndexFile, parse_json(content, source), source)
    config = plain.config
    if config.data_format != _PART_KINDS or config.compression or config.encryption:
        raise _damaged(location, "samples are not plain name, image and label")
    chunks = [_Chunk(each.filename, each.chunk_bytes, each.chunk_size) for each in plain.chunks]
    strange = [chunk.name for chunk in chunks if not _CHUNK_NAME.fullmatch(chunk.name)]
    if strange or sum(chunk.samples for chunk in chunks) != copy.samples or not copy.samples:
        raise _damaged(location, f"it does not fit {copy.samples} samples")
    return chunks


def _parsed(content: memoryview) -> Sample:
    """Raises ValueError or struct.error where the sizes do not agree."""
    name_bytes, image_bytes, label_bytes = _SIZES.unpack_from(content)
    image_at = _SIZES.size + name_bytes
    label_at = image_at + image_bytes
    if label_at + label_bytes != len(content):
        raise ValueError("sizes of parts do not add up")
    image = _array(content[image_at:label_at], rank=3)
    label = _array(content[label_at:], rank=2)
    if image.shape != (*label.shape, IMAGE_CHANNELS):
        raise ValueError(f"image {image.shape} with label {label.shape}")
    return Sample(str(content[_SIZES.size : image_at], "utf-8"), image, label)


def _array(content: memoryview, *, rank: int) -> NDArray[np.uint8]:
    kind, found_rank, *shape = struct.unpack_from(f"<II{rank}I", content)
    if (kind, found_rank) != (_UINT8, rank):
        raise ValueError(f"an array of type {kind} and rank {found_rank}")
    return np.frombuffer(content, np.uint8, offset=_TWO.size + 4 * rank).reshape(shape)


def _damaged(location: Location, why: object) -> DataError:
    return DataError(
        f"{location}: no readable part of a sharded copy ({why})\n  make it again: {HOW_TO_GET}",
        fault="damaged",
    )
