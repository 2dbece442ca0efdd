"""Text of `--help`: what can be chosen, each key with its comment in `conf/`."""

import re
from collections.abc import Iterator
from string import Template
from typing import Any

import yaml
from omegaconf import OmegaConf, open_dict

from seg.config.composition import composed
from seg.config.conf_dir import conf_dir, groups, option_file, option_files

Place = tuple[str | int, ...]
_FLAGS = ("--help", "-h")
_COMMENT = re.compile(r"\s*#\s?(.*)")
_GLOBAL = "# @package _global_"


def asks_for_help(arguments: list[str]) -> bool:
    """Return whether a command line asks for help."""
    return any(flag in arguments for flag in _FLAGS)


def help_text(name: str, arguments: list[str]) -> str:
    """Return the text of `python -m seg.NAME --help`: groups, options, and the composed keys.

    Raises:
        HydraException, OmegaConfBaseException: the other arguments do not compose.
    """
    overrides = [each for each in arguments if "=" in each and not each.startswith("-")]
    config = composed(name, overrides, return_hydra_config=True)
    choices = OmegaConf.to_container(config.hydra.runtime.choices)
    assert isinstance(choices, dict)
    template = str(config.hydra.help.template)
    with open_dict(config):
        del config["hydra"]
    comments = _comments(name, {str(key): value for key, value in choices.items()})
    text = OmegaConf.to_yaml(config)
    lines = text.splitlines()
    for place, mark in _places(text):
        if place in comments:
            lines[mark.line] += f"  # {comments[place]}"
    return Template(template).substitute(
        APP_CONFIG_GROUPS="\n".join(_groups(name)), CONFIG="\n".join(lines)
    )


def _groups(name: str) -> Iterator[str]:
    """Yield each group with its options and the comment of its line in the defaults."""
    text = (conf_dir() / f"{name}.yaml").read_text("utf-8")
    remarks = dict(re.findall(r"^  - (\w+): *\w+ *# (.*)$", text, re.MULTILINE))
    for group in groups():
        options = ", ".join(file.stem for file in option_files(group))
        if group != "hydra" and options:
            remark = remarks.get(group)
            yield f"{group}: {options}" + (f"  # {remark}" if remark else "")


def _comments(name: str, choices: dict[str, Any]) -> dict[Place, str]:
    """Return the comments of keys by place, of the command's own file and of the chosen options."""
    comments: dict[Place, str] = {}
    for group, option in choices.items():
        path = group.partition("@")[0]
        if isinstance(option, str) and not path.startswith("hydra"):
            comments |= _option_comments(path, option, (path,))
    return comments | _file_comments((conf_dir() / f"{name}.yaml").read_text("utf-8"), ())


def _option_comments(group: str, option: str, package: Place) -> dict[Place, str]:
    """Return the comments of an option and of its bases; the first line is the group's own."""
    file = option_file(group, option)
    if file is None:
        return {}
    text = file.read_text("utf-8")
    comments: dict[Place, str] = {}
    content = yaml.safe_load(text) or {}
    for base in content.get("defaults", ()):
        if isinstance(base, str) and base != "_self_":
            comments |= _option_comments(group, base, package)
    comments |= _file_comments(text, () if text.startswith(_GLOBAL) else package)
    head = _COMMENT.match(text.partition("\n")[0])
    if head is not None and not text.startswith(_GLOBAL):
        comments[package] = head[1]
    return comments


def _file_comments(text: str, package: Place) -> dict[Place, str]:
    lines = text.splitlines()
    comments: dict[Place, str] = {}
    for place, mark in _places(text):
        comment = _COMMENT.fullmatch(lines[mark.line][mark.column :].removeprefix(":"))
        if comment is not None and place[0] != "defaults":
            comments[(*package, *place)] = comment[1]
    return comments


def _places(text: str) -> list[tuple[Place, yaml.Mark]]:
    """Return every key of a document, and where its line goes on after the value."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return [] if root is None else list(_walk(root, ()))


def _walk(node: yaml.Node, place: Place) -> Iterator[tuple[Place, yaml.Mark]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, key.value)
            in_one_line = value.end_mark.line == key.end_mark.line
            yield inner, value.end_mark if in_one_line else key.end_mark
            yield from _walk(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            yield from _walk(value, (*place, position))
