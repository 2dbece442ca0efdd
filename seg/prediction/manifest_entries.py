"""The entries of a manifest and their lines, each with a checksum."""

import logging
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from seg.data.readers.sha256 import sha256_of
from seg.errors import DataError
from seg.io.json_file import compact_json, parse_json_lines
from seg.io.source import is_valid
from seg.prediction.items import Item
from seg.prediction.writer import ManifestEntry

log = logging.getLogger(__name__)
DONE, INCOMPLETE = "done", "incomplete"
_SUM = "crc32"
_BEGIN_ANEW = "skip_existing=false writes all results again, or give another output"


def _inside(name: str) -> str:
    """Return a name that stays within the output."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\x00" in name:
        raise ValueError("leads out of the output")
    return name


Count = Annotated[int, Field(ge=0)]
Inside = Annotated[str, AfterValidator(_inside)]


class _Plain(BaseModel):
    """An entry or a part of one; further keys are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class _Source(_Plain):
    name: Inside
    source: str
    part: Count = 0
    version: str


class _Mark(_Plain):
    bytes: Count
    sha256: str


class _Written(_Source):
    size: Annotated[list[Count], Field(min_length=2, max_length=2)]
    files: dict[Inside, _Mark]
    parts: dict[str, Any]


class _Done(_Written):
    status: Literal["done"]


class _Incomplete(_Written):
    status: Literal["incomplete"]
    lacking: list[str]
    error: str


class _Damaged(_Source):
    status: Literal["damaged"]
    error: str


_RECORD: TypeAdapter[_Done | _Incomplete | _Damaged] = TypeAdapter(
    Annotated[_Done | _Incomplete | _Damaged, Field(discriminator="status")]
)


def line_of(content: Mapping[str, Any]) -> bytes:
    """Return a line as it is written: compact JSON whose last key is the CRC-32 of the others."""
    text = compact_json(content)
    return text[:-1] + b',"%b":%d}\n' % (_SUM.encode(), zlib.crc32(text))


def parse_manifest(
    content: bytes, path: Path
) -> tuple[dict[str, Any] | None, dict[str, ManifestEntry]]:
    """Return the first line, None without one, and the sound entries by name.

    Damaged lines are counted in the log; their items are done again. Manifests older than the
    checksum have none in any line.

    Raises:
        DataError: the first line is damaged, so that the options of the entries are unknown.
    """
    end = content.find(b"\n") + 1
    if not end:
        return None, {}
    first = _verified(content[:end])
    if first is None or type(first.get("manifest")) is not int:
        raise DataError(
            f"{path}: the first line is damaged: it states by which network and options the results"
            f" were made\n  copy the file from a backup; {_BEGIN_ANEW}"
        )
    has_sums = first.pop(_SUM, None) is not None
    records: dict[str, ManifestEntry] = {}
    damaged = 0
    for line in content[end:].split(b"\n")[:-1]:  # what follows the last end was cut off
        record = _verified(line, has_sum=has_sums)
        if record is not None and is_valid(_RECORD, record):
            records[record["name"]] = record
        else:
            damaged += 1
    if damaged:
        log.warning("%s: %d damaged lines are left out; their items are done again", path, damaged)
    return first, records


def _verified(line: bytes, *, has_sum: bool | None = None) -> dict[str, Any] | None:
    """Return the content of a line; None if it is damaged."""
    sound, _ = parse_json_lines(line + b"\n")
    if not sound or not isinstance(sound[0], dict):
        return None
    content: dict[str, Any] = sound[0]
    if _SUM not in content and not has_sum:
        return content
    expected = content.get(_SUM)
    plain = {key: value for key, value in content.items() if key != _SUM}
    if expected != zlib.crc32(compact_json(plain)):
        return None
    return content if has_sum is None else plain


def done_record(
    item: Item,
    *,
    size: tuple[int, int],
    files: Mapping[str, Any],
    parts: Mapping[str, Any],
    lacking: Sequence[str] = (),
) -> ManifestEntry:
    """Return an item's entry: `files` are `file_mark`s by path, `parts` data of formats.

    It is incomplete if the name is too long for the files of some formats, `lacking`.
    """
    written = {"size": list(size), "files": files, "parts": parts}
    if not lacking:
        return {**_source(item), "status": DONE, **written}
    error = (
        f"{item.source}: its name is too long here for the files of {', '.join(lacking)}\n"
        "  give it a shorter name; its other files are written"
    )
    rest = {"lacking": list(lacking), "error": error}
    return {**_source(item), "status": INCOMPLETE, **written, **rest}


def failed_entry(item: Item, error: str) -> ManifestEntry:
    """Return the entry of an item that cannot be read."""
    return {**_source(item), "status": "damaged", "error": error}


def is_damaged(record: ManifestEntry) -> bool:
    """Return whether an item could not be read, or not be written completely."""
    return bool(record["status"] != DONE)


def is_written(record: ManifestEntry, format_name: str) -> bool:
    """Return whether the files of a format are there."""
    status, lacking = record["status"], record.get("lacking", ())
    return status == DONE or (status == INCOMPLETE and format_name not in lacking)


def file_mark(path: Path) -> dict[str, Any]:
    """Return size and SHA-256 of a file."""
    return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}


def _source(item: Item) -> dict[str, Any]:
    """Return what identifies an item and its source."""
    part = {"part": item.part} if item.kind in ("page", "frame") else {}
    return {"name": item.name, "source": item.source, **part, "version": item.version}
