"""Folders that are whole or not there: filled under another name, then renamed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seg.errors import DataError, StorageError, is_out_of_room
from seg.io.atomic import remove_earlier, staged_directory
from seg.io.lock import LockedError


@contextmanager
def filled_aside(target: Path) -> Iterator[Path]:
    """An empty folder beside `target`, which takes its place where the block ends without an error.

    What a killed process left is removed by the next one that writes beside it.

    Args:
        target: must not exist, or be an empty folder.

    Raises:
        DataError: `target` holds something, another process is filling it, or it cannot be written.
        StorageError: the disk is full.
    """
    if target.exists() and not (target.is_dir() and next(target.iterdir(), None) is None):
        raise DataError(
            f"{target}: exists and is not empty\n  choose another folder, or remove this one",
            fault="occupied",
        )
    try:
        remove_earlier(target.with_name(f".{target.name}.partial"))
        with staged_directory(target, alone=True) as aside:
            yield aside
            aside.replace(target)
    except LockedError:
        raise DataError(
            f"{target}: another process is filling it\n  wait for it, or choose another folder",
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
            "  see that the folder may be written, or choose another",
            fault="unwritable",
        ) from error
