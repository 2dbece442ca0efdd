"""JSON files at a path or an address, read strictly."""

from pathlib import Path
from typing import Any

from seg.data.readers.urls import Location, is_remote, read_bytes
from seg.io.json_file import parse_json
from seg.io.source import Source

MAX_BYTES = 2**31
"""Largest JSON file of a dataset: the annotations of COCO panoptic have some 400 MB."""


def read_json(location: Location, kind: str) -> Any:
    """Read a JSON file.

    Args:
        location: a path or an address.
        kind: what the file is, for messages: `class file`, `annotation`.

    Raises:
        DataError: it is missing, empty or no JSON, or an object names a key twice.
    """
    local = location if is_remote(location) else Path(location)
    source = Source(local, kind, max_bytes=MAX_BYTES)
    if is_remote(location):
        return parse_json(read_bytes(location, kind, max_bytes=MAX_BYTES), source)
    return parse_json(source.read(), source)
