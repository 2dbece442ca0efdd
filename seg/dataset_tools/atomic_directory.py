"""Directories that are complete or absent: filled under another name, then renamed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seg.errors import DataError, StorageError, is_out_of_room
from seg.io.atomic import remove_earlier, staged_directory
from seg.io.lock import LockedError


@contextmanager
def atomic_directory(target: Path) -> Iterator[Path]:
    """Yield an empty directory that replaces `target` if the block ends without an error.

    Directories of killed processes beside it are removed first.

    Args:
        target: must not exist, or be an empty directory.

    Raises:
        DataError: `target` is not empty, another process is filling it, or it cannot be written.
        StorageError: the disk is full.
    """
    if target.exists() and not (target.is_dir() and next(target.iterdir(), None) is None):
        raise DataError(
            f"{target}: exists and is not empty\n  choose another directory, or remove this one",
            fault="occupied",
        )
    try:
        remove_earlier(target.with_name(f".{target.name}.partial"))
        with staged_directory(target, alone=True) as staged:
            yield staged
            staged.replace(target)
    except LockedError:
        raise DataError(
            f"{target}: another process is filling it\n  wait for it, or choose another directory",
            fault="occupied",
        ) from None
    except OSError as error:
        if is_out_of_room(error):
            reason = (error.strerror or "no room").lower()
            raise StorageError(
                f"{target}: {reason}\n  make room, then give the command again"
            ) from error
        raise DataError(
            f"{target}: cannot be written ({error.strerror or error})\n"
            "  see that the directory may be written, or choose another",
            fault="unwritable",
        ) from error
