"""The lines of a manifest: each has its checksum, so that damage costs the items of its lines."""

import json
import logging
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from seg.errors import DataError
from seg.io.json_file import parse_json_lines
from seg.prediction.writer import ManifestEntry

log = logging.getLogger(__name__)
DONE, INCOMPLETE = "done", "incomplete"
_SUM = "crc32"
_BEGIN_ANEW = "skip_existing=false writes all results again, or give another output"


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\x00" in name:
        raise ValueError("leads out of the output")
    return name


Count = Annotated[int, Field(ge=0)]
Inside = Annotated[str, AfterValidator(_inside)]


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Source(_Plain):
    name: Inside
    source: str
    part: Count = 0
    version: str


class _Mark(_Plain):
    bytes: Count
    sha256: str


class _Done(_Source):
    status: Literal["done"]
    size: Annotated[list[Count], Field(min_length=2, max_length=2)]
    files: dict[Inside, _Mark]
    parts: dict[str, Any]


class _Incomplete(_Source):
    status: Literal["incomplete"]
    size: Annotated[list[Count], Field(min_length=2, max_length=2)]
    files: dict[Inside, _Mark]
    parts: dict[str, Any]
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
    text = _compact(content)
    return text[:-1] + b',"%b":%d}\n' % (_SUM.encode(), zlib.crc32(text))


def parse_manifest(
    content: bytes, path: Path
) -> tuple[dict[str, Any] | None, dict[str, ManifestEntry]]:
    """Return the first line, None where there is none yet, and the sound records by name.

    Damaged lines are counted in one line of the log; their items are done again. Manifests of
    before the checksum have none in any line.

    Raises:
        DataError: the first line is damaged, so that the choices behind the records are unknown.
    """
    end = content.find(b"\n") + 1
    if not end:
        return None, {}
    first = _verified(content[:end])
    if first is None or type(first.get("manifest")) is not int:
        raise DataError(
            f"{path}: the first line is damaged: it tells by which network and choices the results"
            f" were made\n  copy the file from a backup; {_BEGIN_ANEW}"
        )
    has_sums = first.pop(_SUM, None) is not None
    records: dict[str, ManifestEntry] = {}
    damaged = 0
    for line in content[end:].split(b"\n")[:-1]:  # what follows the last end was cut off
        record = _verified(line, has_sum=has_sums)
        if record is not None and _is_record(record):
            records[record["name"]] = record
        else:
            damaged += 1
    if damaged:
        log.warning("%s: %d damaged lines are left out; their items are done again", path, damaged)
    return first, records


def _verified(line: bytes, *, has_sum: bool | None = None) -> dict[str, Any] | None:
    """Return what a line holds; None where it is damaged."""
    sound, _ = parse_json_lines(line + b"\n")
    if not sound or not isinstance(sound[0], dict):
        return None
    content: dict[str, Any] = sound[0]
    if _SUM not in content and not has_sum:
        return content
    expected = content.get(_SUM)
    plain = {key: value for key, value in content.items() if key != _SUM}
    if expected != zlib.crc32(_compact(plain)):
        return None
    return content if has_sum is None else plain


def _is_record(content: dict[str, Any]) -> bool:
    try:
        _RECORD.validate_python(content)
    except ValueError:
        return False
    return True


def _compact(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()
