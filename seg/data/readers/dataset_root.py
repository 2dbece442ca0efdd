"""The directories of datasets and of the cache on this machine."""

import os
from collections.abc import Sequence
from pathlib import Path

from seg.errors import DataError, first_of

_SHOWN = 8


def find_root(
    root: str | Path | None, *, dataset: str, expected: Sequence[str], how_to_get: str
) -> Path:
    """Return the directory of a dataset: `root`, else `$SEG_DATA/<dataset>`, else `data/<dataset>`.

    Args:
        root: the configured directory (`dataset.root`), or None for the defaults.
        dataset: the directory's usual name, e.g. `camvid`.
        expected: subdirectories and files that must exist in it, e.g. `train` and `trainannot`.
        how_to_get: where the dataset comes from, shown when it is missing.

    Raises:
        DataError: there is no such directory, or it has another layout; with its entries.
    """
    directory = default_root(dataset) if root is None else Path(root).expanduser()
    if _fits(directory, expected):
        return directory
    raise DataError(
        f"dataset {dataset!r} not found in {directory.absolute()}\n"
        f"  looked for: {', '.join(expected)}\n"
        f"  {_describe_entries(directory, expected)}\n"
        f"  set dataset.root, or $SEG_DATA to the directory that holds {dataset}/\n"
        f"  to get it: {how_to_get}"
    )


def default_root(dataset: str) -> Path:
    """Return the default directory of a dataset: `$SEG_DATA/<dataset>`, else `data/<dataset>`."""
    return Path(os.environ.get("SEG_DATA", "data")).expanduser() / dataset


def cache_directory() -> Path:
    """Return `$SEG_CACHE`, else `seg` in `$XDG_CACHE_HOME` or `~/.cache`; it need not exist yet.

    It holds files that can be made or fetched again.
    """
    if chosen := os.environ.get("SEG_CACHE"):
        return Path(chosen).expanduser().absolute()
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (shared if shared.is_absolute() else Path.home() / ".cache") / "seg"


def _fits(directory: Path, expected: Sequence[str]) -> bool:
    return all((directory / name).exists() for name in expected)


def _describe_entries(directory: Path, expected: Sequence[str]) -> str:
    """Say what a directory holds that is not the root of a dataset."""
    if not directory.exists():
        return f"there is no such directory{_other_level(directory, expected)}"
    if not directory.is_dir():
        return "that is a file, not a directory; unpack it if it is an archive"
    entries = sorted(
        entry.name + ("/" if entry.is_dir() else "")
        for entry in directory.iterdir()
        if not entry.name.startswith(".")
    )
    listed = first_of(entries, _SHOWN) or "nothing"
    return f"found there: {listed}{_other_level(directory, expected)}"


def _other_level(directory: Path, expected: Sequence[str]) -> str:
    """Return a hint where a directory one or two levels above or below is the right one."""
    below = [path for path in sorted(directory.glob("*/")) if _fits(path, expected)]
    above = [path for path in list(directory.absolute().parents)[:2] if _fits(path, expected)]
    for path in below + above:
        return f"\n  it seems to be {path}"
    return ""
