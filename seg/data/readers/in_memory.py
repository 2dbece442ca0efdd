"""File contents in memory, at a location for the strict readers."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from seg.data.readers.urls import Location
from seg.errors import DataError

_numbers = count()


@contextmanager
def in_memory_file(content: bytes, name: str) -> Iterator[Location]:
    """Give `content` a location while the block lasts.

    Args:
        content: of a file.
        name: of the content, for a `DataError` raised in the block.
    """
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
