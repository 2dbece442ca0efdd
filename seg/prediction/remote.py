"""Files of object stores, by any address that fsspec knows."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from seg.errors import DataError

_MAGIC = "*?["


def remote_files(address: str, suffixes: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Name without suffix, and address, of a file, of all files of a folder, or of a glob.

    Raises:
        DataError: nothing is there, or no driver reaches it.
    """
    system, path = _reached(address)
    try:
        if set(path) & set(_MAGIC):
            parts = path.split("/")
            fixed = next(i for i, part in enumerate(parts) if set(part) & set(_MAGIC))
            folder, paths = "/".join(parts[:fixed]), system.glob(path)
        elif system.isfile(path):
            folder, paths = str(PurePosixPath(path).parent), [path]
        else:
            folder, paths = path, system.find(path)
    except OSError as error:
        raise DataError(f"input={address}: cannot be listed: {error}") from error
    for each in sorted(paths):
        if PurePosixPath(each).suffix.lower() in suffixes:
            name = each.removeprefix(folder).lstrip("/")
            yield PurePosixPath(name).with_suffix("").as_posix(), system.unstrip_protocol(each)


def remote_version(address: str) -> str:
    """What changes when the file is replaced."""
    system, path = _reached(address)
    info = system.info(path)
    marks = (info.get(key) for key in ("ETag", "etag", "md5Hash", "mtime", "created"))
    return f"{info.get('size')}-{next((mark for mark in marks if mark), '')}"


def _reached(address: str) -> tuple[Any, str]:
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        scheme = address.partition("://")[0]
        raise DataError(
            f"input={address}: no access to {scheme}:// ({error})\n"
            "  install the driver; for s3:// and gs:// that is the extra `cloud`"
        ) from error
    return system, path
