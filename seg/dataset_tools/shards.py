"""Writing of a lossless sharded copy of a split, with litdata, to a directory or object store."""

import hashlib
import json
import os
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seg.data.datasets.shards import PARTS, Shards
from seg.data.label_space import LabelSpace
from seg.data.loading.parallel_map import parallel_map
from seg.data.readers.shard_files import INDEX_FILE, LABELS_FILE, Copy, checksum_of, inside
from seg.data.readers.url_policy import reach
from seg.data.readers.urls import Location, is_remote
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.data.sample import Sample, SegmentationDataset
from seg.dataset_tools.atomic_directory import atomic_directory
from seg.errors import ConfigError, DataError
from seg.io.atomic import scratch_directory, write_json

MAX_CHUNK_MIB = 2048
"""Offsets within a chunk have 32 bits, and a chunk may pass its size by one sample."""

_SPLIT_NAME = re.compile(r"\w[\w.-]*")
Digested = tuple[Sample, bytes]


@dataclass(frozen=True)
class ShardsSummary:
    """Summary of a copy: size of all chunks, digest of `Copy`, whether it was there already."""

    location: str
    samples: int
    chunks: int
    size_bytes: int
    digest: str
    reused: bool


def write_shards(
    dataset: SegmentationDataset,
    output: str | Path,
    *,
    split: str,
    num_workers: int,
    chunk_mib: int,
    progress: Callable[[], object],
) -> ShardsSummary:
    """Copy every sample as it is decoded, to be read by `dataset=shards dataset.root=OUTPUT`.

    A local copy is made beside its place and renamed; in an object store `labels.json` comes last,
    without which no copy is read. A complete copy that is there already is compared and kept.

    Args:
        dataset: a split with at least one sample.
        output: directory or address (`s3://BUCKET/FOLDER`) of all splits; this one goes to
            `output/split`.
        split: its name there.
        num_workers: processes that decode; 0: this one.
        chunk_mib: size of a file, 1 to 2048 MiB.
        progress: called after each sample.

    Raises:
        ConfigError: litdata is missing, a value out of range, or a copy with other content there.
        DataError: a sample cannot be read, or the copy cannot be written.
    """
    writer_of = _litdata_writer()
    if not 1 <= chunk_mib <= MAX_CHUNK_MIB:
        raise ConfigError(f"chunk_mib={chunk_mib}: allowed: 1 to {MAX_CHUNK_MIB}")
    if not _SPLIT_NAME.fullmatch(split):
        raise ConfigError(f"split {split!r}: allowed: letters, digits, '_', '-' and '.'")
    if not len(dataset):
        raise DataError(f"split {split!r} is empty: there is nothing to copy")
    home: Location = output if is_remote(output) else Path(output).expanduser().absolute()
    target = inside(home, split)
    samples = _digested(dataset, num_workers, progress)
    present = _present(target)
    if present is not None:
        _check_same(present, dataset, samples, _stored(dataset, split, home), target)
    elif isinstance(target, Path):
        with atomic_directory(target) as directory:
            _fill(directory, dataset, split, samples, writer_of(directory, chunk_mib))
    else:
        with scratch_directory() as staging:
            _fill(staging, dataset, split, samples, writer_of(staging, chunk_mib), to=target)
    shards = _stored(dataset, split, home)
    return ShardsSummary(
        str(target),
        len(shards),
        shards.num_chunks,
        shards.size_bytes,
        Copy.read(target).digest,
        reused=present is not None,
    )


def _stored(dataset: SegmentationDataset, split: str, home: Location) -> Shards:
    shards = Shards(split=split, root=home)
    shards.decoding = _decoding_of(dataset)
    return shards


def _litdata_writer() -> Callable[[Path, int], Any]:
    """Return what makes a litdata writer of a directory and a chunk size in MiB."""
    os.environ.setdefault("LITDATA_DISABLE_VERSION_CHECK", "1")  # else it may ask the web for news
    try:
        from litdata.streaming.serializers import StringSerializer
        from litdata.streaming.writer import BinaryWriter
    except ImportError as error:
        raise ConfigError(
            f"sharded copies are written by litdata, which is missing ({error})\n"
            "  pip install 'seg-xception[shards]'"
        ) from error

    class NameSerializer(StringSerializer):  # type: ignore[misc]
        def can_serialize(self, data: Any) -> bool:
            # litdata's own serializer stores a file if a name is the path of one
            return isinstance(data, str)

    def writer(directory: Path, chunk_mib: int) -> Any:
        serializers = {"str": NameSerializer()}
        return BinaryWriter(str(directory), chunk_bytes=chunk_mib * 2**20, serializers=serializers)

    return writer


def _digested(
    dataset: SegmentationDataset, num_workers: int, progress: Callable[[], object]
) -> Iterator[Digested]:
    """Yield every sample in order, with its SHA-256."""
    read = partial(_read, dataset)
    for name, image, label, digest in parallel_map(read, len(dataset), num_workers=num_workers):
        yield Sample(name, image.numpy(), label.numpy()), digest
        progress()


def _read(dataset: SegmentationDataset, index: int) -> tuple[str, Tensor, Tensor, bytes]:
    """Read a sample in a worker, with its SHA-256."""
    sample = dataset[index]
    digest = _digest(sample, _decoding_of(dataset), dataset.labels)
    return sample.name, _shared(sample.image), _shared(sample.label), digest


def _decoding_of(dataset: SegmentationDataset) -> ImageDecoding:
    """Return how the images of a dataset are decoded."""
    decoding: ImageDecoding = getattr(dataset, "decoding", PLAIN)
    return decoding


def _shared(array: NDArray[Any]) -> Tensor:
    """Return an array as a tensor, which leaves a worker through shared memory."""
    # an array would go through a pipe, where a worker whose parent was killed waits for ever
    return torch.from_numpy(np.require(array, requirements=("C", "W")))


def _digest(sample: Sample, decoding: ImageDecoding, labels: LabelSpace) -> bytes:
    """Return the SHA-256 of a sample's name, size and pixels; refuse one of another shape."""
    height, width = sample.label.shape
    try:
        sample.name.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"sample {sample.name!r}: the name is not UTF-8; rename it") from error
    digest = hashlib.sha256(json.dumps([sample.name, height, width]).encode())
    image_kind, label_kind = np.dtype(decoding.dtype), np.dtype(labels.dtype)
    parts = (
        (sample.image, image_kind, (height, width, decoding.channels)),
        (sample.label, label_kind, (height, width)),
    )
    for array, kind, shape in parts:
        if (array.dtype, array.shape) != (kind, shape):
            raise DataError(
                f"sample {sample.name!r}: {array.dtype} {array.shape} with a label of"
                f" {height} x {width}; a sample is {image_kind}, H x W x {decoding.channels}, and"
                f" {label_kind}, H x W"
            )
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()


def _present(target: Location) -> Copy | None:
    """Read the facts of the copy at a location; None without one."""
    try:
        return Copy.read(target)
    except DataError as error:
        if error.fault == "missing":
            return None
        raise


def _check_same(
    present: Copy,
    dataset: SegmentationDataset,
    samples: Iterator[Digested],
    stored: Shards,
    target: Location,
) -> None:
    """Compare a copy with its original; in an object store by the digest alone."""
    same = len(dataset) == len(stored) and present.labels.to_dict() == dataset.labels.to_dict()
    same = same and present.decoding.to_dict() == _decoding_of(dataset).to_dict()
    if same:
        total = hashlib.sha256()
        for position, (_, digest) in enumerate(samples):
            total.update(digest)
            same = is_remote(target) or _stored_digest(stored, position) == digest
            if not same:
                break
        same = same and total.hexdigest() == present.digest
    if not same:
        raise ConfigError(
            f"{target}: holds a copy of other samples or classes, or a damaged one\n"
            "  give another output, or remove that copy"
        )


def _stored_digest(stored: Shards, position: int) -> bytes | None:
    """Return the digest of a stored sample; None if it is damaged."""
    try:
        return _digest(stored[position], stored.decoding, stored.labels)
    except DataError:
        return None


def _fill(
    directory: Path,
    dataset: SegmentationDataset,
    split: str,
    samples: Iterator[Digested],
    writer: Any,
    *,
    to: str | None = None,
) -> None:
    """Write chunks, index and labels.json, in this order; to the address `to`, if there is one."""
    total, checksums = hashlib.sha256(), list[str]()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "An item was larger")  # one of more than chunk_mib
        for position, (sample, digest) in enumerate(samples):
            total.update(digest)
            checksums.append(f"{checksum_of(sample):08x}")
            parts = zip(PARTS, (sample.name, sample.image, sample.label), strict=True)
            _send(writer.add_item(position, dict(parts)), to)
        for chunk in writer.done():
            _send(chunk, to)
    writer._merge_no_wait()  # `merge` waits for processes of a distributed run
    index = directory / INDEX_FILE
    copy = Copy(
        split,
        len(dataset),
        total.hexdigest(),
        hashlib.sha256(index.read_bytes()).hexdigest(),
        dataset.labels,
        _decoding_of(dataset),
        "".join(checksums),
    )
    _send(str(index), to)
    write_json(directory / LABELS_FILE, copy.to_dict())
    _send(str(directory / LABELS_FILE), to)


def _send(path: str | None, to: str | None) -> None:
    """Move a file to the object store, if there is one."""
    if path is None or to is None:
        return
    address = f"{to}/{Path(path).name}"
    file_system, remote_path = reach(address)
    try:
        file_system.put_file(path, remote_path)
    except Exception as error:  # each store has its own exceptions for what the network does
        raise DataError(
            f"{address}: cannot be written ({error})\n"
            "  check the address and the right to write there",
            fault="unwritable",
        ) from error
    Path(path).unlink()
