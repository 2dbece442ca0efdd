"""Reads YAML of plain values within limits on size and depth; nothing in it executes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from seg.io.source import MAX_DEPTH, Source

MAX_YAML_BYTES = 2**20
"""Largest YAML file: composed configurations have some kilobytes."""

_MAX_NUMBER_CHARACTERS = 300  # of an unquoted value that begins like a number
_SHOWN = 80
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path, kind: str, *, remedy: str = "") -> Any:
    """Return the content of a YAML file of plain values.

    Anchors and aliases are refused: the project writes none, and a few lines of them expand to any
    size, or refer to themselves.

    Raises:
        DataError: it is missing, too large, nested too deep, holds an alias, or is no plain YAML.
    """
    source = Source(path, kind, remedy, MAX_YAML_BYTES)
    content = source.read()
    try:
        text = content.decode("utf-8-sig")
        _check_yaml_events(text)
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise source.not_valid("YAML", error) from error


def _check_yaml_events(content: str) -> None:
    """Refuse aliases, tags, deep nesting and long numbers in the stream, before any is built."""
    depth = 0
    events: Iterator[yaml.Event] = yaml.parse(content, Loader=_Loader)
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(f"holds an alias (*{event.anchor[:_SHOWN]})")
        if getattr(event, "tag", None) is not None:
            raise ValueError(f"holds a tag ({event.tag[:_SHOWN]})")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
        text = event.value if isinstance(event, yaml.ScalarEvent) and event.implicit[0] else ""
        if len(text) > _MAX_NUMBER_CHARACTERS and text[0] in "+-.0123456789":
            raise ValueError(f"an unquoted value of {len(text)} characters")
