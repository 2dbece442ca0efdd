"""Files of object stores, by address."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from seg.data.readers.url_policy import reach
from seg.errors import DataError

_MAGIC = "*?["


def remote_files(address: str) -> Iterator[tuple[PurePosixPath, str, str]]:
    """Of a file, of all files of a folder, or of a glob: path below the folder, address, version.

    The version is what changes when a file is replaced.

    Raises:
        DataError: nothing is there, or no driver reaches it.
    """
    system, path = reached(address, "input")
    try:
        if set(path) & set(_MAGIC):
            parts = path.split("/")
            fixed = next(i for i, part in enumerate(parts) if set(part) & set(_MAGIC))
            folder, found = "/".join(parts[:fixed]), system.glob(path, detail=True)
        elif system.isfile(path):
            folder, found = str(PurePosixPath(path).parent), {path: system.info(path)}
        else:
            folder, found = path, system.find(path, detail=True)
    except OSError as error:
        raise DataError(f"input={address}: cannot be listed: {error}") from error
    for each, info in sorted(found.items()):
        relative = PurePosixPath(each.removeprefix(folder).lstrip("/"))
        yield relative, system.unstrip_protocol(each), _version(info)


def _version(info: Mapping[str, Any]) -> str:
    marks = (info.get(key) for key in ("ETag", "etag", "md5Hash", "mtime", "created"))
    return f"{info.get('size')}-{next((mark for mark in marks if mark), '')}"


def reached(address: str, key: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it.

    Raises:
        DataError: another scheme than those of `seg.data.readers.url_policy`, or no driver.
    """
    try:
        return reach(address)
    except DataError as error:
        raise DataError(f"{key}={error}", fault=error.fault) from error.__cause__
