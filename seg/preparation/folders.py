"""Folders that are whole or not there: filled under another name, then renamed."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from seg.errors import DataError, StorageError, is_out_of_room

_LOCK = ".lock"


@contextmanager
def filled_aside(target: Path) -> Iterator[Path]:
    """An empty folder beside `target`, which takes its place where the block ends without an error.

    What a killed process left is removed by the next one that fills the same folder.

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
    aside = target.with_name(f".{target.name}.partial")
    try:
        aside.mkdir(parents=True, exist_ok=True)
        with (aside / _LOCK).open("w") as lock:
            _hold(lock, target)
            try:
                _empty(aside)
                yield aside
                aside.replace(target)
                (target / _LOCK).unlink()  # not before: who finds none may empty the folder
            except BaseException:
                shutil.rmtree(aside, ignore_errors=True)
                raise
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


def _hold(lock: IO[str], target: Path) -> None:
    """Keep other processes from filling the same folder, until `lock` is closed."""
    try:
        # Unlike flock's, this lock is not inherited by reading processes, which may outlive a kill.
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise DataError(
            f"{target}: another process is filling it\n  wait for it, or choose another folder",
            fault="occupied",
        ) from None


def _empty(folder: Path) -> None:
    for entry in list(folder.iterdir()):
        if entry.name == _LOCK:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
