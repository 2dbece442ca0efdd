"""Hints for an unknown key: other options of its group, or other sections, that have it."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import yaml

from seg.config.conf_dir import option_file, option_files
from seg.config.facts import FOLLOWS, follows
from seg.config.former_keys import renamed
from seg.config.nearest import nearest
from seg.config.synonyms import synonyms
from seg.errors import first_of

_MAX_LISTED = 8


def no_such_key(key: str, allowed: list[str], sections: Iterable[str], further: str = "") -> str:
    """Return the message for an unknown key.

    Args:
        key: with dots.
        allowed: the keys beside which it was written.
        sections: of the command's configuration, as it has them.
        further: what to say where nothing is known of the key.
    """
    section, _, name = key.rpartition(".")
    if follows(section, name):
        return f"{key}: {FOLLOWS}"
    known = hint(key, sections) or further
    close = "" if known else nearest(name, allowed)
    return f"{key}: no such key; allowed: {', '.join(allowed)}{close}{known}"


def hint(key: str, sections: Iterable[str]) -> str:
    """Return a further line for an error about an unknown key; empty where nothing is known.

    Args:
        key: as typed, with dots.
        sections: of the command's configuration, as it has them.
    """
    sections = set(sections)
    if present := renamed(key, sections):
        return f"\n  {key} is called {present} now"
    section, _, name = key.rpartition(".")
    options = options_with(section, name) if section else []
    if options:
        option = "folder" if "folder" in options else options[0]
        return (
            f"\n  {name} is a key of {section}={first_of(options, _MAX_LISTED)}"
            f"\n  choose one of them too: {section}={option} {key}=..."
        )
    similar = synonyms(key, sections) or _elsewhere(name, sections)
    return f"\n  did you mean {' or '.join(similar)}?" if similar else ""


def options_with(group: str, name: str) -> list[str]:
    """Return the options of a group that have a key of that name."""
    if not group.isidentifier():
        return []
    return [file.stem for file in option_files(group) if name in _keys(file)]


def options_of(group: str) -> list[str]:
    """Return the options of a group, sorted."""
    return [file.stem for file in option_files(group)]


def _elsewhere(name: str, sections: Iterable[str]) -> list[str]:
    """Return keys of that name in other sections; else those that end in it: `max_epochs`."""
    known = sorted(
        {
            (section, key)
            for section in sections
            for file in option_files(section)
            for key in _keys(file)
        }
    )
    alike = [f"{section}.{key}" for section, key in known if key == name]
    within = [f"{section}.{key}" for section, key in known if key.endswith(f"_{name}")]
    return (alike or within)[:3]


@cache
def _keys(file: Path) -> frozenset[str]:
    """Return the keys of an option, with those of its bases."""
    content = yaml.safe_load(file.read_text("utf-8")) or {}
    keys = {key for key in content if key != "defaults" and not key.startswith("_")}
    for base in content.get("defaults", ()):
        if isinstance(base, str) and base != "_self_":
            found = option_file(file.parent.name, base)
            keys |= frozenset() if found is None else _keys(found)
    return frozenset(keys)
