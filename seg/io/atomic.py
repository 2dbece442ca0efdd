"""Files that are whole or not there: written beside the target, synced, then renamed over it."""

import errno
import hashlib
import json
import math
import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile, gettempdir, mkdtemp
from typing import IO, Any

from seg.errors import StorageError, is_out_of_room
from seg.io.lock import LockedError, close_locked, has_locked, is_same_file, lock, release

STAGED = ".staged."
"""How the name of anything half written begins, whatever it is to become."""
_PROBE = bytes(2**16)
# What earlier versions left half written, beside its target, in caches of samples and of shards.
_EARLIER = re.compile(
    r"\..+\.staged\.\w{8}|\.\d+\.\d+\.[0-9a-f]{8}|chunk-\d+-\d+\.bin\.(lock|part)"
)
_OLD_S = 86_400.0


def write_atomically(
    path: Path, write: Callable[[IO[bytes]], object], *, synced: bool = True
) -> None:
    """Let `write` fill a file beside `path`, then put it in place; on failure `path` stays.

    Args:
        path: the file.
        write: takes the open file.
        synced: whether it must outlive a loss of power; False for what a run can do without.

    Raises:
        OSError: it cannot be written; names `path`.
    """
    with staged_file(path, synced=synced) as file:
        write(file)


@contextmanager
def staged_file(path: Path, *, synced: bool = True) -> Iterator[IO[bytes]]:
    """Open a named file, to be written in pieces; it takes the place of `path` at the end."""
    with _errors_of(path), _locked_file(path) as file:
        staged = Path(file.name)
        try:
            yield file
            file.flush()
            if synced:
                os.fsync(file.fileno())
            staged.chmod(0o644)
            staged.replace(path)
        except BaseException as error:
            full = _room_error(error, lambda: _write_at_end(file))
            staged.unlink(missing_ok=True)
            if full is not None:
                raise full from error
            raise


@contextmanager
def staged_directory(path: Path, *, alone: bool = False) -> Iterator[Path]:
    """Make a directory beside `path` for libraries that write by name; it is removed at the end.

    The block moves what is to stay out of it, or all of it to `path`.

    Args:
        path: the target.
        alone: whether one process at a time stages for `path`.

    Raises:
        LockedError: `alone`, and another process stages for `path`.
        OSError: there is no room; names `path`.
    """
    with _errors_of(path), _locked_directory(path, alone=alone) as staged:
        try:
            yield staged
        except Exception as error:
            full = _room_error(error, lambda: (staged / "probe").write_bytes(_PROBE))
            if full is not None:
                raise full from error
            raise


@contextmanager
def staged_path(path: Path) -> Iterator[Path]:
    """Do as `staged_file` for a library that opens, or removes and makes, the file by its name."""
    with staged_directory(path) as directory:
        staged = directory / path.name
        yield staged
        with staged.open("rb") as file:
            os.fsync(file.fileno())
        staged.replace(path)


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """Make a temporary directory; those that killed processes did not remove go first."""
    with _locked_directory(Path(gettempdir()) / "seg") as directory:
        yield directory


def remove_stale(directory: Path) -> None:
    """Remove what killed processes left half written; what a live process writes stays.

    Each process does so by itself where it first writes; call it where it may write nothing.
    """
    for staged in directory.glob(f"{STAGED}*"):
        _remove_unlocked(staged)
    for staged in directory.glob("*"):
        if _EARLIER.fullmatch(staged.name):
            remove_earlier(staged)


def remove_earlier(staged: Path) -> None:
    """Remove what an earlier version, which did not lock it, left half written a day ago or more.

    Args:
        staged: need not be there.
    """
    if _is_old(staged):
        _remove_unlocked(staged)


def _remove_unlocked(staged: Path) -> None:
    with suppress(OSError):
        is_directory = stat.S_ISDIR(staged.lstat().st_mode)
        descriptor = _open(staged, is_directory=is_directory)
        try:
            # without locks on this file system, only time tells
            if lock(descriptor) and (has_locked(descriptor) or _is_old(staged)):
                shutil.rmtree(staged) if is_directory else staged.unlink()
        finally:
            close_locked(descriptor)


def _is_old(staged: Path) -> bool:
    try:
        return time.time() - staged.lstat().st_mtime > _OLD_S
    except OSError:
        return False


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write standard JSON: a NaN or infinite number becomes null."""
    text = json.dumps(_finite(content), indent=2, allow_nan=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


_remove_stale_once = cache(remove_stale)


def _staged_prefix(path: Path) -> str:
    """Return how staged names of `path` begin; short, so that a name of any length fits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale_once(path.parent)
    name = hashlib.sha1(os.fsencode(path.name), usedforsecurity=False).hexdigest()[:8]
    return f"{STAGED}{name}."


@contextmanager
def _locked_file(path: Path) -> Iterator[IO[bytes]]:
    prefix = _staged_prefix(path)
    while True:
        with NamedTemporaryFile(dir=path.parent, prefix=prefix, delete=False) as file:
            descriptor = file.fileno()
            try:
                # who removes stale files may have come between the making and the locking
                if lock(descriptor) and is_same_file(Path(file.name), descriptor):
                    yield file
                    return
            finally:
                release(descriptor)


@contextmanager
def _locked_directory(path: Path, *, alone: bool = False) -> Iterator[Path]:
    prefix = _staged_prefix(path)
    while True:
        staged = (
            _make_alone(path, prefix) if alone else Path(mkdtemp(dir=path.parent, prefix=prefix))
        )
        try:
            descriptor = _open(staged, is_directory=True)
        except FileNotFoundError:  # as above
            continue
        try:
            if lock(descriptor) and is_same_file(staged, descriptor):
                try:
                    yield staged
                finally:
                    shutil.rmtree(staged, ignore_errors=True)
                return
        finally:
            close_locked(descriptor)


def _make_alone(path: Path, prefix: str) -> Path:
    """Make the one directory that all processes stage for `path` in, or fail."""
    staged = path.with_name(f"{prefix}alone")
    _remove_unlocked(staged)
    try:
        staged.mkdir()
    except FileExistsError:
        raise LockedError(f"{path}: another process is at work on it") from None
    return staged


def _open(staged: Path, *, is_directory: bool) -> int:
    return os.open(staged, os.O_NOFOLLOW | (os.O_RDONLY if is_directory else os.O_RDWR))


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    """Let errors name the target instead of its staged name."""
    try:
        yield
    except OSError as error:
        name = error.filename
        if error.errno is not None and (name is None or STAGED in str(name)):
            error.filename = str(path)
        raise


def _room_error(error: BaseException, probe: Callable[[], object]) -> OSError | None:
    """Return the lack of room that a library's own error hides; None where it hides none.

    Messages of libraries do not tell reliably, so `probe` tries whether there is room.
    """
    if not isinstance(error, Exception) or isinstance(error, StorageError):
        return None
    if is_out_of_room(error):
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return None if isinstance(error, OSError) else full
    try:
        probe()
    except (OSError, ValueError) as failure:
        if isinstance(failure, OSError) and is_out_of_room(failure):
            return failure
    return None


def _write_at_end(file: IO[bytes]) -> None:
    descriptor = file.fileno()
    os.lseek(descriptor, 0, os.SEEK_END)
    os.write(descriptor, _PROBE)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
