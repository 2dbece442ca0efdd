"""What the file of an option says, read without composing a whole configuration."""

from typing import Any

from seg.config.conf_dir import option_file, option_files
from seg.config.nearest import nearest
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
        names = [file.stem for file in option_files(group)]
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
