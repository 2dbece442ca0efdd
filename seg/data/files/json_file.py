"""JSON files, read strictly."""

import json
from collections.abc import Sequence
from typing import Any

from seg.data.files.locations import Location, read_bytes
from seg.errors import DataError


def read_json(location: Location, kind: str) -> Any:
    """The content of a JSON file.

    Args:
        location: a path or an address.
        kind: what the file is, for messages: `class file`, `annotation`.

    Raises:
        DataError: it is missing, empty or no JSON, or an object names a key twice.
    """
    content = read_bytes(location, kind)
    try:
        return json.loads(content.decode("utf-8-sig"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:  # bad UTF-8 and bad JSON are ValueErrors
        raise DataError(f"{location}: {kind} is no valid JSON: {error}", fault="damaged") from error


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"key {twice!r} occurs twice in one object")
    return found
