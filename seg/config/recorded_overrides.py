"""Choices that a run or a sweep has recorded: they are reused where they only choose.

Others may have written the record, so it may say less than a user: an option of a group by its
name, plain values, and the targets that are registered for their key. Loggers write where their
arguments say: these stay in the run directory, or name a server.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, QuotedString, Sweep
from hydra.errors import HydraException

from seg.config.allowed_targets import registered
from seg.config.conf_dir import is_group
from seg.config.former_keys import present_choices
from seg.config.former_names import present_name
from seg.errors import ConfigError
from seg.io.source import Source
from seg.io.yaml_file import read_yaml

RECORD = Path(".hydra", "overrides.yaml")
"""The choices that began a run, in its directory."""

_LOGGER = "logger"
_SERVER = re.compile(r"https?://")
_OTHER_ADDRESS = re.compile(r"[a-z][\w+.-]+:/", re.IGNORECASE)  # file:/x, sqlite:///x, s3://x
_OPTION = re.compile(r"[\w-]+")
_RESOLVER = re.compile(r"\$\{.*:", re.DOTALL)  # ${a.b} names another key, ${a:b} calls something


def read_recorded(run_dir: Path, *, remedy: str = "") -> list[str]:
    """Read the choices that began a run, as Hydra took them, with the names of today.

    Raises:
        DataError: they are missing (`fault` is `missing`) or cannot be read.
    """
    source = Source(run_dir / RECORD, "record", remedy)
    choices = read_yaml(run_dir / RECORD, source.kind, remedy=remedy)
    if not isinstance(choices, list) or not all(isinstance(each, str) for each in choices):
        raise source.damaged("damaged (a list of KEY=VALUE is expected)")
    return present_choices(choices)


def check_recorded(choices: Iterable[str], record: Path, typed: Sequence[str] = ()) -> None:
    """Check recorded choices against what a record may choose.

    Args:
        choices: overrides, as a command line has them.
        record: where they stand, for messages.
        typed: those that the user types now, too: these are free.

    Raises:
        ConfigError: the first that a record may not say, and the remedy.
    """
    for choice in choices:
        reason = None if choice in typed else _fault(choice)
        if reason is not None:
            raise ConfigError(
                f"{record}: {choice[:120]!r}: {reason}; a record that others may have written "
                "cannot choose that\n  if it is yours, type this choice again beside resume=..."
            )


def _fault(choice: str) -> str | None:
    try:
        override = OverridesParser.create().parse_override(choice)
    except HydraException:
        return "is no KEY=VALUE"
    key = override.key_or_group
    names = [*re.split(r"[./]", key)[:1], *(override.package or "").split(".")]
    if "hydra" in names:  # also as `@_global_.hydra`
        return "reaches into Hydra's own settings"
    section, _, last = key.rpartition(".")
    pairs = list(_pairs(override.value(), last))
    if names[0] == "plugins" and pairs:
        return "lets a checkpoint name classes of plugins"
    if is_group(key) and not all(_OPTION.fullmatch(str(text)) for _, text in pairs):
        return f"names no option of {key}"
    faults = (_fault_of_value(name, text, section.partition(".")[0]) for name, text in pairs)
    outside = _LOGGER in names and any(_is_outside_run(str(text)) for _, text in pairs)
    place = "names a place outside the run directory" if outside else None
    return next(filter(None, faults), place)


def _fault_of_value(name: str, text: Any, section: str) -> str | None:
    if name == "_target_":
        targets = registered(section) if is_group(section) else ()
        if present_name(text) not in targets:
            return f"{text} is not registered for {section or 'a configuration as a whole'}"
    return "calls a resolver" if _RESOLVER.search(f"{name} {text}") else None


def _is_outside_run(text: str) -> bool:
    """Return whether a logger that takes this text for a place may write outside the run."""
    if _SERVER.match(text):
        return False
    path = PureWindowsPath(text)  # takes both kinds of slash
    outside = bool(path.drive or path.root) or ".." in path.parts or "${" in text
    return outside or bool(_OTHER_ADDRESS.match(text))


def _pairs(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield every value at any depth with its key."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _pairs(inner, str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _pairs(inner, name)
    elif isinstance(value, Sweep | Glob):
        for inner in getattr(value, "list", None) or ():
            yield from _pairs(inner, name)
    else:
        yield name, value.text if isinstance(value, QuotedString) else value
