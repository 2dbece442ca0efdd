"""Files of object stores, by address."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from seg.data.readers.url_policy import reach
from seg.errors import DataError


def remote_files(address: str) -> Iterator[tuple[PurePosixPath, str, str]]:
    """Yield path below the directory, address and version of each file at an address.

    The version changes when a file is replaced.

    Raises:
        DataError: nothing is there, or no driver for it is installed.
    """
    system, path = open_address(address, "input")
    try:
        if is_glob(path):
            parts = path.split("/")
            directory = "/".join(parts[: first_wildcard(parts)])
            infos = system.glob(path, detail=True)
        elif system.isfile(path):
            directory, infos = str(PurePosixPath(path).parent), {path: system.info(path)}
        else:
            directory, infos = path, system.find(path, detail=True)
    except OSError as error:
        raise DataError(f"input={address}: cannot be listed: {error}") from error
    for each, info in sorted(infos.items()):
        relative = PurePosixPath(each.removeprefix(directory).lstrip("/"))
        yield relative, system.unstrip_protocol(each), _version(info)


def is_glob(text: str) -> bool:
    """Return whether a path or an address has a wildcard."""
    return any(mark in text for mark in "*?[")


def first_wildcard(parts: Sequence[str]) -> int:
    """Return the position of the first part with a wildcard; without one that of the last."""
    return next((i for i, part in enumerate(parts) if is_glob(part)), len(parts) - 1)


def _version(info: Mapping[str, Any]) -> str:
    """Return what changes when a file is replaced: its size and its tag or time."""
    marks = (info.get(key) for key in ("ETag", "etag", "md5Hash", "mtime", "created"))
    return f"{info.get('size')}-{next((mark for mark in marks if mark), '')}"


def open_address(address: str, key: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it.

    Raises:
        DataError: another scheme than those of `seg.data.readers.url_policy`, or no driver.
    """
    try:
        return reach(address)
    except DataError as error:
        raise DataError(f"{key}={error}", fault=error.fault) from error.__cause__
