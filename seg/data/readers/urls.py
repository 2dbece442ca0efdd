"""Locations of files: local paths, addresses in an object store, contents in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from seg.data.readers.url_policy import reach
from seg.errors import DataError, brief
from seg.io.json_file import parse_json
from seg.io.source import Source

Location = str | Path
"""A path, or `SCHEME://...` (`s3://`, `gs://`, `hf://`; all: `seg.data.readers.url_policy`)."""

MAX_JSON_BYTES = 2**31
"""Largest JSON file of a dataset: the annotations of COCO panoptic have some 400 MB."""

_numbers = count()


def is_remote(location: Location) -> bool:
    """Return whether a location is an address rather than a path."""
    return isinstance(location, str) and "://" in location


def read_bytes(location: Location, kind: str, *, max_bytes: int | None = None) -> bytes:
    """Read all of a file.

    Args:
        location: a path or an address.
        kind: what the file is, for messages: `image`, `label`.
        max_bytes: the largest file that is read; None: no limit. Of a larger one at most one byte
            more is read.

    Raises:
        DataError: it is missing, empty, too large, a directory or out of reach.
    """
    if "\0" in str(location):
        raise DataError(f"{brief(str(location))}: no name of a file: {kind}", fault="missing")
    with Source(location, kind).errors():
        content = _read(location, -1 if max_bytes is None else max_bytes + 1)
    if max_bytes is not None:
        Source(location, kind, max_bytes=max_bytes).check_size(len(content))
    if not content:
        raise DataError(
            f"{location}: {kind} is empty (0 bytes); copy or download it again", fault="empty"
        )
    return content


def read_json(location: Location, kind: str) -> Any:
    """Read a JSON file; `kind` says what it is, for messages: `class file`, `annotation`.

    Raises:
        DataError: it is missing, empty or no JSON, or an object names a key twice.
    """
    local = location if is_remote(location) else Path(location)
    source = Source(local, kind, max_bytes=MAX_JSON_BYTES)
    if is_remote(location):
        return parse_json(read_bytes(location, kind, max_bytes=MAX_JSON_BYTES), source)
    return parse_json(source.read(), source)


@contextmanager
def in_memory_file(content: bytes, name: str) -> Iterator[Location]:
    """Give the content of a file a location in the block; a `DataError` has `name` instead."""
    import fsspec

    file_system = fsspec.filesystem("memory")
    address = f"memory://seg/file/{next(_numbers)}"  # unique: threads may read the same bytes
    file_system.pipe_file(address, content)
    try:
        yield address
    except DataError as error:
        message = str(error).replace(address, name)
        raise DataError(message, fault=error.fault, values=error.values) from error
    finally:
        file_system.rm_file(address)


def _read(location: Location, num_bytes: int) -> bytes:
    if not is_remote(location):
        with Path(location).open("rb") as file:
            return file.read(num_bytes)
    file_system, path = reach(str(location))
    try:
        if num_bytes < 0:
            return bytes(file_system.cat_file(path))
        with file_system.open(path, "rb") as stream:  # may be of unknown length
            return bytes(stream.read(num_bytes))
    except OSError:
        raise
    except Exception as error:  # each store has its own exceptions for what the network does
        raise OSError(str(error)) from error
