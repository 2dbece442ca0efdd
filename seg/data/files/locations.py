"""Where a file lies: a local path, or an address in an object store."""

from pathlib import Path

from seg.data.files.addresses import reach
from seg.errors import DataError, brief

Location = str | Path
"""A path, or `SCHEME://...` (`s3://`, `gs://`, `hf://`; all: `seg.data.files.addresses`)."""


def is_remote(location: Location) -> bool:
    """Whether a location is an address rather than a path."""
    return isinstance(location, str) and "://" in location


def read_bytes(location: Location, kind: str) -> bytes:
    """All of a file.

    Args:
        location: a path or an address.
        kind: what the file is, for messages: `image`, `label`.

    Raises:
        DataError: it is missing, empty, a folder or out of reach.
    """
    if "\0" in str(location):
        raise DataError(f"{brief(str(location))}: no name of a file: {kind}", fault="missing")
    try:
        content = _fetch(str(location)) if is_remote(location) else Path(location).read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{location}: {kind} not found", fault="missing") from error
    except IsADirectoryError as error:
        raise DataError(f"{location}: {kind} expected, found a folder", fault="missing") from error
    except OSError as error:
        raise DataError(
            f"{location}: {kind} cannot be read: {error.strerror or error}", fault="unreadable"
        ) from error
    if not content:
        raise DataError(
            f"{location}: {kind} is empty (0 bytes); copy or download it again", fault="empty"
        )
    return content


def _fetch(address: str) -> bytes:
    file_system, path = reach(address)
    try:
        content: bytes = file_system.cat_file(path)
    except OSError:
        raise
    except Exception as error:  # each store has its own exceptions for what the network does
        raise OSError(str(error)) from error
    return content
