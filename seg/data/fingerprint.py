"""Digests that tell one state of a dataset's files from another."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seg.data.readers.band_files import files_of
from seg.data.readers.file_masks import MASKED_SUFFIXES
from seg.data.readers.urls import Location, is_remote
from seg.data.readers.value_range import PLAIN
from seg.data.sample import SegmentationDataset


def fingerprint(dataset: SegmentationDataset) -> str | None:
    """Return a digest of a split.

    It covers the label space, how files are read, and path, size and time of each file.
    Files in an object store count by their address alone.

    Returns:
        32 hexadecimal digits; None for a dataset that is not made of files.

    Raises:
        OSError: a file is not there.
    """
    pairs: Any = getattr(dataset, "pairs", None)
    if pairs is None:
        return None
    readers = (getattr(each, "reader", None) for each in unwrapped(dataset))
    reader = next((str(each) for each in readers if each is not None), "")
    identity = [dataset.split, dataset.labels.to_dict(), reader]
    decoding = getattr(dataset, "decoding", PLAIN)
    if decoding != PLAIN:  # it decides the pixels
        identity.append(decoding.to_dict())
    if any(str(pair.image).lower().endswith(MASKED_SUFFIXES) for pair in pairs):
        identity.append("masks of files")  # which early versions did not read
    digest = hashlib.sha256(json.dumps(identity).encode())
    for pair in pairs:
        several = files_of(pair.image)
        image = _state(pair.image) if len(several) == 1 else [_state(file) for file in several]
        digest.update(repr((pair.name, image, _state(pair.label))).encode())
    return digest.hexdigest()[:32]


def unwrapped(dataset: object) -> Iterator[object]:
    """Yield a dataset, then those that it wraps, from the outside in."""
    while dataset is not None:
        yield dataset
        dataset = getattr(dataset, "source", None)


def _state(location: Location) -> tuple[str, int, int]:
    if is_remote(location):
        return str(location), 0, 0
    status = Path(location).stat()
    return str(Path(location).absolute()), status.st_size, status.st_mtime_ns
