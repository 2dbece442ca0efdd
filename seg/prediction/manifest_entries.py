"""The records of a manifest: what became of an item, a line each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seg.data.readers.sha256 import sha256_of
from seg.prediction.items import Item
from seg.prediction.manifest_lines import DONE, INCOMPLETE
from seg.prediction.writer import ManifestEntry


def done_record(
    item: Item, *, size: tuple[int, int], files: Mapping[str, Any], parts: Mapping[str, Any]
) -> ManifestEntry:
    """The line of an item: `files` are `file_mark`s by path, `parts` what formats remember."""
    return {**_source(item), "status": DONE, "size": list(size), "files": files, "parts": parts}


def incomplete_record(
    item: Item,
    *,
    size: tuple[int, int],
    files: Mapping[str, Any],
    parts: Mapping[str, Any],
    lacking: Sequence[str],
) -> ManifestEntry:
    """The line of an item whose name is too long for the files of some formats, `lacking`."""
    error = (
        f"{item.source}: its name is too long here for the files of {', '.join(lacking)}\n"
        "  give it a shorter name; its other files are written"
    )
    done = done_record(item, size=size, files=files, parts=parts)
    return {**done, "status": INCOMPLETE, "lacking": list(lacking), "error": error}


def failed_entry(item: Item, error: str) -> ManifestEntry:
    """The line of an item that cannot be read."""
    return {**_source(item), "status": "damaged", "error": error}


def is_damaged(record: ManifestEntry) -> bool:
    """Whether an item could not be read, or not be written whole."""
    return bool(record["status"] != DONE)


def is_written(record: ManifestEntry, format_name: str) -> bool:
    """Whether the files of a format are there."""
    status, lacking = record["status"], record.get("lacking", ())
    return status == DONE or (status == INCOMPLETE and format_name not in lacking)


def file_mark(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file."""
    return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}


def _source(item: Item) -> dict[str, Any]:
    part = {"part": item.part} if item.kind in ("page", "frame") else {}
    return {"name": item.name, "source": item.source, **part, "version": item.version}
