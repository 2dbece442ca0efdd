"""Files that are whole or not there: written beside the target, synced, then renamed over it."""

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

_STAGED = ".staged."


def write_atomically(
    path: Path, write: Callable[[IO[bytes]], object], *, synced: bool = True
) -> None:
    """Let `write` fill a file beside `path`, then put it in place; on failure `path` stays.

    Args:
        path: the file.
        write: is given the open file.
        synced: whether it must outlive a loss of power; False for what a run can do without.
    """
    with staged_file(path, synced=synced) as file:
        write(file)


@contextmanager
def staged_file(path: Path, *, synced: bool = True) -> Iterator[IO[bytes]]:
    """The same for what is written in pieces: a named file that takes the place of `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}{_STAGED}", delete=False) as file:
        staged = Path(file.name)
        try:
            yield file
            file.flush()
            if synced:
                os.fsync(file.fileno())
            staged.chmod(0o644)
            staged.replace(path)
        except BaseException:
            staged.unlink(missing_ok=True)
            raise


def remove_staged(folder: Path) -> None:
    """Remove what killed processes left half written in `folder`."""
    for staged in folder.glob(f".*{_STAGED}*"):
        staged.unlink(missing_ok=True)


def staged_for(path: Path) -> Path | None:
    """What a file half written would have become; None for any other file."""
    name, mark, _ = path.name.removeprefix(".").rpartition(_STAGED)
    return path.with_name(name) if mark and path.name.startswith(".") else None


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write standard JSON: a NaN or infinite number becomes null."""
    text = json.dumps(_finite(content), indent=2, allow_nan=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
