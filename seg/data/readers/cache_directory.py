"""Where files are kept that can be made or fetched again."""

import os
from pathlib import Path


def cache_directory() -> Path:
    """`$SEG_CACHE`, else `seg` in `$XDG_CACHE_HOME` or `~/.cache`; it need not exist yet."""
    if chosen := os.environ.get("SEG_CACHE"):
        return Path(chosen).expanduser().absolute()
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (shared if shared.is_absolute() else Path.home() / ".cache") / "seg"
