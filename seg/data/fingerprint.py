"""What tells one state of a dataset's files from another."""

import hashlib
import json
from pathlib import Path
from typing import Any

from seg.data.files.locations import Location, is_remote
from seg.data.sample import SegmentationDataset


def fingerprint(dataset: SegmentationDataset) -> str | None:
    """A digest of a split: label space and, for each file, path, size and time of change.

    Files in an object store count by their address alone.

    Returns:
        32 hexadecimal digits; None for a dataset that is not made of files.

    Raises:
        OSError: a file is not there.
    """
    pairs: Any = getattr(dataset, "pairs", None)
    if pairs is None:
        return None
    digest = hashlib.sha256(json.dumps([dataset.split, dataset.labels.to_dict()]).encode())
    for pair in pairs:
        digest.update(repr((pair.name, _state(pair.image), _state(pair.label))).encode())
    return digest.hexdigest()[:32]


def _state(location: Location) -> tuple[str, int, int]:
    if is_remote(location):
        return str(location), 0, 0
    status = Path(location).stat()
    return str(Path(location).absolute()), status.st_size, status.st_mtime_ns
