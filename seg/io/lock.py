"""Locks that let one process at a time work on a file or a directory, until it ends in any way.

A lock lies on an open descriptor, which is why `filelock`, which opens files by name, does not do:
half-written directories are locked themselves, and files are moved while they are locked.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from seg.errors import ConfigError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
_own: dict[int, os.stat_result] = {}  # what this process has locked, by descriptor


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
        close_locked(descriptor)


def is_locked(directory: Path) -> bool:
    """Return whether a process is at work in a directory."""
    try:
        descriptor = os.open(directory / LOCK, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not lock(descriptor)
    finally:
        close_locked(descriptor)


@contextmanager
def waiting_for(path: Path) -> Iterator[int]:
    """Open and lock a file once no other process has it locked; it is made if it is missing.

    What a killed process wrote is still in it. The block may move or remove the file.

    Yields:
        its descriptor, for reading and for writing at the end.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            lock(descriptor, wait=True)
            if is_same_file(path, descriptor):
                yield descriptor
                return
        finally:
            close_locked(descriptor)


def lock(descriptor: int, *, wait: bool = False) -> bool:
    """Lock an open file or directory for this process, as long as it is open.

    Unlike `lockf`, `flock` outlasts other handles of the file that this process closes. Call
    `release` before the descriptor is closed.

    Args:
        descriptor: of the file or directory.
        wait: until nobody else has it locked.

    Returns:
        False: another process, or another handle of this one, has locked it.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    _own[descriptor] = os.fstat(descriptor)
    return True


def has_locked(descriptor: int) -> bool:
    """Return whether `lock` has locked it, rather than met a file system without locks."""
    return descriptor in _own


def release(descriptor: int) -> None:
    """Forget a locked descriptor, whose number may stand for another file once it is closed."""
    _own.pop(descriptor, None)


def close_locked(descriptor: int) -> None:
    """Close a descriptor, and with it its lock."""
    release(descriptor)
    os.close(descriptor)


def is_same_file(path: Path, descriptor: int) -> bool:
    """Return whether the name still stands for the open file."""
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
            return descriptor
        close_locked(descriptor)  # its owner has removed it between the two calls


def _release_in_child() -> None:
    """Unlock in a forked worker: it may outlive a kill of its parent by some seconds.

    Its copies of the descriptors stay open, on another file, as objects of Python own them.
    """
    null = os.open(os.devnull, os.O_RDWR) if _own else -1
    for descriptor, locked_file in _own.items():
        with suppress(OSError):
            if os.path.samestat(os.fstat(descriptor), locked_file):
                os.dup2(null, descriptor, inheritable=False)
    if _own:
        os.close(null)
    _own.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_release_in_child)
