"""Options of groups: their names, and what their files say without a composition."""

from difflib import get_close_matches
from typing import Any

from seg.config.conf_dir import option_file, option_files
from seg.errors import ConfigError
from seg.io.yaml_file import read_yaml


def read_option(group: str, option: str) -> dict[str, Any]:
    """Return the keys of an option, with those of the options that it builds on.

    What it overrides in other groups is left out.

    Raises:
        ConfigError: there is no such option.
    """
    path = option_file(group, option)
    if path is None:
        names = options_of(group)
        raise ConfigError(
            f"{group}={option}: no such option; allowed: {', '.join(names)}{nearest(option, names)}"
        )
    content = read_yaml(path, f"{group} option")
    node: dict[str, Any] = {}
    for base in content.pop("defaults", ()):
        if isinstance(base, str) and base != "_self_":
            node |= read_option(group, base)
    node |= content
    return node


def options_of(group: str) -> list[str]:
    """Return the options of a group, sorted."""
    return [file.stem for file in option_files(group)]


def nearest(word: str, allowed: list[str]) -> str:
    """`; did you mean X?` for a misspelt word or its initials (`ce`), else nothing."""
    word = word.lower()
    initials = [each for each in allowed if word == "".join(part[:1] for part in each.split("_"))]
    close = (initials if len(word) > 1 else []) or get_close_matches(word, allowed, n=1)
    return f"; did you mean {close[0]}?" if close else ""
