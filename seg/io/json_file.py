"""Reads JSON and JSON lines within limits on size, depth and digits."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from seg.errors import DataError
from seg.io.source import MAX_BYTES, MAX_DEPTH, Source

_MAX_DIGITS = 100  # of a whole number; a longer one is no float and overflows where it is used
_SHOWN = 80
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_LONG_NUMBER = re.compile(rb"[0-9]{%d}" % _MAX_DIGITS)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def read_json(
    path: Path, kind: str, *, remedy: str = "", max_bytes: int = MAX_BYTES, absent: Any = None
) -> Any:
    """Return the content of a JSON file.

    Args:
        path: the file.
        kind: what it is, for messages.
        remedy: what to do where it is damaged.
        max_bytes: the largest file that is read.
        absent: what to return where there is no file; None: that is an error.

    Raises:
        DataError: it is missing, too large, nested too deep or no JSON, or names a key twice.
    """
    source = Source(path, kind, remedy, max_bytes)
    try:
        return parse_json(source.read(), source)
    except DataError as error:
        if error.fault == "missing" and absent is not None and not path.is_dir():
            return absent
        raise


def read_json_object(
    path: Path, kind: str, *, remedy: str = "", absent: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the content of a JSON file that holds an object; see `read_json`."""
    content = read_json(path, kind, remedy=remedy, absent=absent)
    if not isinstance(content, dict):
        raise Source(path, kind, remedy).damaged("damaged: a JSON object is expected")
    return content


def parse_json(content: bytes | str, source: Source) -> Any:
    """Return what JSON text holds.

    Raises:
        DataError: it is empty, too large, nested too deep or no JSON, an object names a key twice,
            or a whole number has more than 100 digits.
    """
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    source.check_size(len(data))
    if not data.strip():
        raise source.damaged("empty (no content)", fault="empty")
    try:
        _check_depth(data)
        hooks: dict[str, Any] = {"object_pairs_hook": without_repeats}
        if _LONG_NUMBER.search(data):  # else the hook would cost more than all the rest
            hooks["parse_int"] = _whole_number
        return json.loads(data.decode("utf-8-sig"), **hooks)
    except (ValueError, RecursionError) as error:  # bad UTF-8 and bad JSON are ValueErrors
        raise source.not_valid("JSON", error) from error


def digest_of(facts: Mapping[str, Any]) -> str:
    """Return the SHA-256 of plain facts as they read once written, in any order of keys.

    Numbers that are not finite become null, keys become strings.
    """
    read_back = json.loads(json.dumps(facts), parse_constant=lambda _: None)
    return hashlib.sha256(json.dumps(read_back, sort_keys=True).encode()).hexdigest()


def compact_json(content: Any) -> bytes:
    """Return plain data as JSON without spaces."""
    return json.dumps(content, separators=(",", ":")).encode()


def parse_json_lines(content: bytes) -> tuple[list[Any], int]:
    """Return the sound lines of JSON lines, and how many others there are.

    A last line without its end was cut off while it was written: it is neither.
    """
    sound, damaged = [], 0
    for line in content[: content.rfind(b"\n") + 1].splitlines():
        try:
            sound.append(parse_json(line, Source("", "line")))
        except ValueError:  # DataError is one
            damaged += bool(line.strip())
    return sound, damaged


def without_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of its keys and values, as a JSON decoder's `object_pairs_hook`.

    Raises:
        ValueError: a key occurs twice.
    """
    content = dict(pairs)
    if len(content) != len(pairs):
        repeated = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"key {repeated[:_SHOWN]!r} occurs twice in one object")
    return content


def _check_depth(content: bytes) -> None:
    if content.count(b"[") + content.count(b"{") <= MAX_DEPTH:
        return
    brackets = _STRING.sub(b"", content).translate(None, _NO_BRACKETS)
    if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")


def _whole_number(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)
