"""Where a dataset lies on this machine."""

import os
from collections.abc import Sequence
from pathlib import Path

from seg.errors import DataError

_SHOWN = 8


def find_root(
    root: str | Path | None, *, dataset: str, expected: Sequence[str], how_to_get: str
) -> Path:
    """The folder of a dataset: `root`, else `$SEG_DATA/<dataset>`, else `data/<dataset>`.

    Args:
        root: the configured folder (`dataset.root`), or None for the defaults.
        dataset: the folder's usual name, e.g. `camvid`.
        expected: subfolders and files that must exist in it, e.g. `train` and `trainannot`.
        how_to_get: where the dataset comes from, shown when it is missing.

    Raises:
        DataError: no such folder or not its layout, with what was looked for and what was found.
    """
    folder = default_root(dataset) if root is None else Path(root).expanduser()
    if _fits(folder, expected):
        return folder
    raise DataError(
        f"dataset {dataset!r} not found in {folder.absolute()}\n"
        f"  looked for: {', '.join(expected)}\n"
        f"  {_what_is_there(folder, expected)}\n"
        f"  set dataset.root, or $SEG_DATA to the folder that holds {dataset}/\n"
        f"  to get it: {how_to_get}"
    )


def default_root(dataset: str) -> Path:
    """Where a dataset lies if nobody says: `$SEG_DATA/<dataset>`, else `data/<dataset>`."""
    return Path(os.environ.get("SEG_DATA", "data")).expanduser() / dataset


def _fits(folder: Path, expected: Sequence[str]) -> bool:
    return all((folder / name).exists() for name in expected)


def _what_is_there(folder: Path, expected: Sequence[str]) -> str:
    if not folder.exists():
        return f"there is no such folder{_other_level(folder, expected)}"
    if not folder.is_dir():
        return "that is a file, not a folder; unpack it if it is an archive"
    entries = sorted(
        entry.name + ("/" if entry.is_dir() else "")
        for entry in folder.iterdir()
        if not entry.name.startswith(".")
    )
    listed = ", ".join(entries[:_SHOWN]) + (", ..." if len(entries) > _SHOWN else "")
    return f"found there: {listed or 'nothing'}{_other_level(folder, expected)}"


def _other_level(folder: Path, expected: Sequence[str]) -> str:
    """A hint where the given folder lies one or two levels above or below the right one."""
    below = [path for path in sorted(folder.glob("*/")) if _fits(path, expected)]
    above = [path for path in list(folder.absolute().parents)[:2] if _fits(path, expected)]
    for path in below + above:
        return f"\n  it seems to be {path}"
    return ""
