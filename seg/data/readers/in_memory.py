"""Bytes that are held already, at a location for the strict readers."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from seg.data.readers.urls import Location
from seg.errors import DataError

_numbers = count()


@contextmanager
def in_memory_file(content: bytes, name: str) -> Iterator[Location]:
    """A location that yields `content` while the block lasts.

    Args:
        content: of a file.
        name: what it is, in words; a `DataError` raised in the block tells it.
    """
    import fsspec

    file_system = fsspec.filesystem("memory")
    address = f"memory://seg/held/{next(_numbers)}"  # unique: threads may hold the same bytes
    file_system.pipe_file(address, content)
    try:
        yield address
    except DataError as error:
        message = str(error).replace(address, name)
        raise DataError(message, fault=error.fault, values=error.values) from error
    finally:
        file_system.rm_file(address)
