"""Zip files of weights: a check of every entry against the file's size and its checksum."""

import zipfile
from pathlib import Path

from seg.errors import DataError, error_summary

_REMEDY = "fetch it again, or restore it from a copy"
_LARGEST_GROWTH = 16  # weights hardly shrink when they are compressed
_SLACK_BYTES = 2**20


def check_archive(path: Path) -> None:
    """Read a zip file once to verify it.

    PyTorch's own reader ignores checksums, and `zipfile` skips them when h5py seeks within an
    entry.

    Raises:
        DataError: a damaged directory, two entries of one name, sizes that the file cannot hold,
            or an entry that fails its CRC-32.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(set(names)) < len(names):
                raise DataError(f"{path}: damaged (two entries of one name)\n  {_REMEDY}")
            announced = sum(entry.file_size for entry in archive.infolist())
            require_plausible(path, announced)
            damaged = archive.testzip()
    except DataError:
        raise
    except Exception as error:  # zipfile raises some ten kinds for damaged directories
        reason = f"{type(error).__name__}: {error_summary(error, 120)}"
        raise DataError(f"{path}: damaged or cut short ({reason})\n  {_REMEDY}") from None
    if damaged is not None:
        raise DataError(f"{path}: damaged ({damaged} fails its checksum)\n  {_REMEDY}")


def require_plausible(path: Path, announced_bytes: int) -> None:
    """Refuse content that is far larger than its file.

    Raises:
        DataError: before anything of that size is allocated.
    """
    size_bytes = path.stat().st_size
    if announced_bytes > _LARGEST_GROWTH * size_bytes + _SLACK_BYTES:
        raise DataError(
            f"{path}: damaged or hostile: asks for {announced_bytes / 2**20:.0f} MiB, "
            f"the file has {size_bytes / 2**20:.1f} MiB\n  {_REMEDY}"
        )
