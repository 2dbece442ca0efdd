"""Decoded samples on disk, memory-mapped: the second epoch decodes nothing."""

import logging
import mmap
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.fingerprint import fingerprint
from seg.data.sample import IMAGE_CHANNELS, Sample, SegmentationDataset
from seg.data.wrappers.wrapper import DatasetView
from seg.errors import ConfigError, DataError
from seg.io.atomic import remove_stale, write_atomically

_log = logging.getLogger(__name__)
_HEADER = struct.Struct("<8sIII")  # magic, height, width, bytes of the name
_CHECKSUM = struct.Struct("<I")  # CRC-32 of the header and of all that follows
_MAGIC = b"segpix02"  # the image is uint8 and RGB, the label uint8
_ANY_MAGIC = b"segpix03"  # types and channels follow the name
_OLD_MAGIC = b"segpix01"  # its header had no checksum
_KINDS = struct.Struct("<4sI4s")  # type of the image, its channels, type of the label
_RGB = (np.dtype(np.uint8), IMAGE_CHANNELS, np.dtype(np.uint8))
_ALIGNED = 16
_MAX_MAPPED = 16_384  # a quarter of what Linux lets a process map


class CachedDataset(DatasetView):
    """The samples of a dataset, each decoded once and then read from a memory map.

    Each sample is a file of its own below `directory/<fingerprint>`: written beside its place and
    renamed, so that processes may share the directory and be killed at any moment. A process
    verifies its checksum when it first reads it and writes a damaged file again. Where the disk is
    full, samples that do not fit are decoded each time, with one warning.

    The arrays of its samples are read-only.

    Args:
        dataset: made of files.
        directory: where the decoded samples go: 4 bytes a pixel of 8-bit RGB, as much as the raw
            images; 4 bytes a pixel and channel of others.

    Raises:
        ConfigError: the dataset is not made of files.
        DataError: one of its files is not there, or the directory cannot be made.
    """

    def __init__(self, dataset: SegmentationDataset, directory: Path) -> None:
        super().__init__(dataset)
        try:
            digest = fingerprint(dataset)
            if digest is None:
                raise ConfigError(
                    "dataset.cache: only datasets made of files have something to cache; leave it"
                    " null here"
                )
            self._directory = directory.expanduser().absolute() / digest
            self._directory.mkdir(parents=True, exist_ok=True)
            remove_stale(self._directory)
        except OSError as error:
            raise DataError(f"dataset.cache: {error.filename}: {error.strerror}") from error
        self._mapped: dict[int, Sample] = {}
        self._writes = True

    def __getitem__(self, index: int) -> Sample:
        sample = self._mapped.get(index) or self._open(index)
        if sample is None:
            sample = self.source[index]
            self._store(index, sample)
        return sample

    def read_label(self, index: int) -> NDArray[Any]:
        """Return the label alone, H x W."""
        sample = self._mapped.get(index) or self._open(index)
        return self.source_label(index) if sample is None else sample.label

    def __getstate__(self) -> dict[str, object]:
        """Leave out the maps: a spawned worker opens its own."""
        return {**self.__dict__, "_mapped": {}}

    def _open(self, index: int) -> Sample | None:
        path = self._path(index)
        try:
            with path.open("rb") as file:
                content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            if content[: len(_OLD_MAGIC)] == _OLD_MAGIC:
                return None
            sample = _parse(content)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, OSError) as error:
            _log.warning("%s: damaged (%s), decoded again", path, error)
            return None
        if len(self._mapped) < _MAX_MAPPED:
            self._mapped[index] = sample
        return sample

    def _store(self, index: int, sample: Sample) -> None:
        if not self._writes:
            return
        parts = _content_of(sample)
        try:
            write_atomically(self._path(index), lambda file: file.writelines(parts), synced=False)
        except OSError as error:
            self._writes = False
            _log.warning(
                "dataset.cache %s: %s; samples that are not in it yet are decoded each time",
                self._directory, error.strerror,
            )  # fmt: skip

    def _path(self, index: int) -> Path:
        return self._directory / f"{index:06d}.pixels"


def _content_of(sample: Sample) -> list[bytes]:
    """Return the parts of a cache file."""
    name, image, label = sample.name.encode(), sample.image, sample.label
    kinds = (image.dtype, image.shape[2], label.dtype)
    magic = _MAGIC if kinds == _RGB else _ANY_MAGIC
    header = _HEADER.pack(magic, *label.shape, len(name))
    content = [name, image.tobytes(), label.tobytes()]
    if kinds != _RGB:
        image_kind, channels, label_kind = kinds
        further = _KINDS.pack(image_kind.str.encode(), channels, label_kind.str.encode())
        gap = -(_HEADER.size + _CHECKSUM.size + len(name) + len(further)) % _ALIGNED
        content[1:1] = [further, bytes(gap)]
    checksum = 0
    for part in (header, *content):
        checksum = zlib.crc32(part, checksum)
    return [header, _CHECKSUM.pack(checksum), *content]


def _parse(content: mmap.mmap) -> Sample:
    """Return the sample of a cache file; ValueError where header, length or checksum is wrong."""
    name_at = _HEADER.size + _CHECKSUM.size
    if len(content) < name_at:
        raise ValueError("no header")
    magic, height, width, name_bytes = _HEADER.unpack_from(content)
    (checksum,) = _CHECKSUM.unpack_from(content, _HEADER.size)
    image_at = name_end = name_at + name_bytes
    kind, channels, label_kind = _RGB
    if magic == _ANY_MAGIC:
        kind, channels, label_kind = _kinds_at(content, name_end)
        image_at += _KINDS.size
        image_at += -image_at % _ALIGNED
    values = height * width * channels
    label_at = image_at + values * kind.itemsize
    if magic not in (_MAGIC, _ANY_MAGIC) or (
        len(content) != label_at + height * width * label_kind.itemsize
    ):
        raise ValueError("wrong header or length")
    with memoryview(content) as view, view[name_at:] as rest:
        if zlib.crc32(rest, zlib.crc32(view[: _HEADER.size])) != checksum:
            raise ValueError("wrong checksum")
    image = np.frombuffer(content, kind, values, image_at)
    label = np.frombuffer(content, label_kind, height * width, label_at)
    return Sample(
        content[name_at:name_end].decode(),
        image.reshape(height, width, channels),
        label.reshape(height, width),
    )


def _kinds_at(content: mmap.mmap, place: int) -> tuple[np.dtype[Any], int, np.dtype[Any]]:
    if len(content) < place + _KINDS.size:
        raise ValueError("wrong header or length")
    kind, channels, label_kind = _KINDS.unpack_from(content, place)
    kinds = [np.dtype(each.rstrip(b"\0").decode("ascii", "replace")) for each in (kind, label_kind)]
    if any(each.kind not in "uf" for each in kinds):
        raise ValueError("wrong types")
    return kinds[0], channels, kinds[1]
