"""One process at a time at work on a file or a directory, until it ends in whatever way."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seg.errors import ConfigError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
_own: set[int] = set()  # of directories that this process has locked


class LockedError(ConfigError):
    """Another process is at work in a directory."""


@contextmanager
def locked(directory: Path, key: str) -> Iterator[None]:
    """Keep other processes out of a directory until the block ends, or this process does.

    Args:
        directory: is made if it is missing.
        key: that chose it, for the message.

    Raises:
        LockedError: another process is at work there.
    """
    path = directory / LOCK
    descriptor = _open_locked(path)
    if descriptor is None:
        raise LockedError(
            f"{key}={directory}: another process is at work there; wait for its end, or "
            "choose another"
        )
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # while it is locked: nobody else has come to own it
        _own.discard(descriptor)
        os.close(descriptor)


def is_locked(directory: Path) -> bool:
    """Whether a process is at work in a directory."""
    try:
        descriptor = os.open(directory / LOCK, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not lock(descriptor)
    finally:
        os.close(descriptor)


def lock(descriptor: int) -> bool:
    """Lock an open file or directory, as long as it is open; here and in what this process forks.

    Unlike `lockf`, `flock` outlasts other handles of the file that this process closes.

    Returns:
        False: another process, or another handle of this one, has locked it.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def is_same_file(path: Path, descriptor: int) -> bool:
    """Whether the name still stands for the open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _open_locked(path: Path) -> int | None:
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if not lock(descriptor):
            os.close(descriptor)
            return None
        if is_same_file(path, descriptor):
            _own.add(descriptor)
            return descriptor
        os.close(descriptor)  # its owner has removed it between the two calls


def _leave_to_the_parent() -> None:
    """A loader's worker that outlives a kill of its parent for some seconds must lock nothing."""
    for descriptor in _own:
        os.close(descriptor)
    _own.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_the_parent)
