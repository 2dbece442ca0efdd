"""One process at a time in a directory."""

from pathlib import Path
from typing import IO

from seg.errors import ConfigError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def lock(file: IO[str], key: str, directory: Path) -> None:
    """Keep other processes out of a directory until this one ends or `file` is closed.

    Args:
        file: in that directory, open for writing.
        key: that chose it, for the message.
        directory: for the message.

    Raises:
        ConfigError: another process holds it.
    """
    if fcntl is None:
        return
    try:
        # of this process alone: what it has forked may outlive a kill -9 for some seconds
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise ConfigError(
            f"{key}={directory}: another process is at work there; wait for its end, or "
            "choose another"
        ) from None
