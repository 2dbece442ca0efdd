"""A lossless copy of a dataset in few large files, read by index from memory maps.

The files are chunks of litdata (`chunk-0-0.bin`, ..., `index.json`) and are read here by their
layout: a chunk holds the number of its samples and the offsets of all (uint32, little endian), then
the samples, as `seg.data.readers.shard_files` has them. `labels.json` holds the checksum of each.
"""

import mmap
import struct
import zlib
from bisect import bisect_right
from collections import OrderedDict
from pathlib import Path

import numpy as np

from seg.data.readers.dataset_root import cache_directory, find_root
from seg.data.readers.shard_files import (
    HOW_TO_GET,
    INDEX_FILE,
    LABELS_FILE,
    Chunk,
    Copy,
    inside,
    parse_sample,
    read_index,
    unreadable,
)
from seg.data.readers.urls import Location, is_remote, read_bytes
from seg.data.readers.value_range import ImageDecoding
from seg.data.sample import Sample
from seg.errors import ConfigError, DataError, error_summary
from seg.io.atomic import STAGED, remove_stale, write_atomically
from seg.io.lock import waiting_for

PARTS = ("name", "image", "label")

_TWO = struct.Struct("<II")
_MAX_MAPPED = 128  # each holds a file open; most systems allow a process 1024


class Shards:
    """One split of the copy that `python -m seg.prepare task=shards` writes.

    Its samples equal those of the original: names, pixels, labels and order. Local files are mapped
    where they lie. Those of an object store are fetched whole, each when one of its samples is
    first read, into `$SEG_CACHE/shards`, which needs room for all of the copy.

    The arrays of its samples are read-only. A process verifies the checksum of each sample when it
    first reads it; copies of early versions have none.

    Args:
        split: the directory below `root`: `train`, `val` or `test`.
        root: a directory, or an address (`s3://BUCKET/FOLDER`) (see
            `seg.data.readers.url_policy`);
            None: `$SEG_DATA/shards` or `data/shards`.

    Raises:
        DataError: no such copy, an incomplete one, or one that is not readable.
    """

    def __init__(self, *, split: str, root: str | Path | None = None) -> None:
        self._directory: Location
        if root is not None and is_remote(root):
            self._directory = inside(root, split)
        else:
            expected = (f"{split}/{LABELS_FILE}",)
            home = find_root(root, dataset="shards", expected=expected, how_to_get=HOW_TO_GET)
            self._directory = home / split
        copy = Copy.read(self._directory)
        self.labels = copy.labels
        self.split = split
        self._decoding = copy.decoding
        self._chunks = read_index(self._directory, copy)
        self.num_chunks = len(self._chunks)
        self.size_bytes = sum(chunk.size_bytes for chunk in self._chunks)
        self._ends = np.cumsum([chunk.samples for chunk in self._chunks]).tolist()
        self._mapped: OrderedDict[int, mmap.mmap] = OrderedDict()
        self._checksums = np.frombuffer(bytes.fromhex(copy.checksums or ""), ">u4")
        self._checked = bytearray(copy.samples)
        self._local = cache_directory() / "shards" / copy.index[:32]
        remove_stale(self._local)
        if isinstance(self._directory, Path):
            self._local = self._directory
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
            stored = memoryview(content)[begin:end]
            if len(self._checksums) and not self._checked[index]:
                if zlib.crc32(stored) != self._checksums[index]:
                    raise ValueError("wrong checksum")
                self._checked[index] = 1
            return parse_sample(stored, self._decoding, self.labels)
        except (struct.error, ValueError) as error:
            raise self._damaged(chunk, f"sample {index}: {error_summary(error)}") from error

    def __getstate__(self) -> dict[str, object]:
        """Leave out the maps: a spawned worker opens its own."""
        return {**self.__dict__, "_mapped": OrderedDict()}

    @property
    def decoding(self) -> ImageDecoding:
        """How the images of the original were decoded; checkpoints remember what is declared.

        Raises:
            ConfigError: another decoding is declared for the copy.
        """
        return self._decoding

    @decoding.setter
    def decoding(self, declared: ImageDecoding) -> None:
        if declared.to_dict() != self._decoding.to_dict():
            raise ConfigError(
                f"{self._directory}: the copy was made with {self._decoding}\n  give the same here"
            )
        self._decoding = declared

    def _damaged(self, chunk: Chunk, why: str) -> DataError:
        path = self._local / chunk.name
        if isinstance(self._directory, Path):
            return unreadable(path, why)
        return DataError(
            f"{path}: no readable part of a sharded copy ({why})\n"
            "  delete this file, and it is fetched again; if that does not help, make the copy"
            f" again: {HOW_TO_GET}",
            fault="damaged",
        )

    def _content(self, number: int) -> mmap.mmap:
        """Return the bytes of a chunk; samples in use keep a map that is dropped here."""
        if number in self._mapped:
            self._mapped.move_to_end(number)
            return self._mapped[number]
        chunk = self._chunks[number]
        if not isinstance(self._directory, Path):
            self._fetch(chunk)
        self._check_size(chunk)
        with (self._local / chunk.name).open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._mapped[number] = content
        if len(self._mapped) > _MAX_MAPPED:
            self._mapped.popitem(last=False)
        return content

    def _fetch(self, chunk: Chunk) -> None:
        """Copy a chunk to this machine; of processes that need the same, one does."""
        path = self._local / chunk.name
        if path.exists():
            return
        try:
            self._local.mkdir(parents=True, exist_ok=True)
            waited = self._local / f"{STAGED}{chunk.name}"  # removed like all staged files
            with waiting_for(waited):
                try:
                    if not path.exists():
                        where = inside(self._directory, chunk.name)
                        content = read_bytes(where, "chunk", max_bytes=chunk.size_bytes)
                        write_atomically(path, lambda file: file.write(content), synced=False)
                finally:
                    waited.unlink()
        except OSError as error:
            raise DataError(
                f"{path}: a chunk of {self._directory} cannot be kept there"
                f" ({error.strerror or error})\n"
                f"  make room for {self.size_bytes / 2**30:.1f} GiB there,"
                " or set $SEG_CACHE to another directory",
                fault="unwritable",
            ) from error

    def _check_size(self, chunk: Chunk) -> None:
        path = self._local / chunk.name
        try:
            size = path.stat().st_size
        except OSError as error:
            raise DataError(
                f"{path}: {error.strerror}; the copy is incomplete\n  make it again: {HOW_TO_GET}",
                fault="missing",
            ) from error
        if size != chunk.size_bytes:
            raise DataError(
                f"{path}: has {size} bytes, {INDEX_FILE} says {chunk.size_bytes}\n"
                "  delete it where it was fetched, else make the copy again",
                fault="truncated",
            )
