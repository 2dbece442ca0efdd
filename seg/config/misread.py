"""Messages for arguments that are no KEY=VALUE or that the override grammar cannot read."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from seg.config.cli_overrides import quoted
from seg.config.conf_dir import conf_dir, is_group
from seg.config.hints import hint, options_of
from seg.errors import ConfigError

_SEVERAL = re.compile(r"Ambiguous value for argument '(.*)'")
_OF_SWEEPS = re.compile(r"Sweep parameters '(.*)' requires --multirun")
# Meanings of a path alone.
_PATHS = {
    "train": "dataset=folder dataset.root={0} or resume={0}",
    "pretrain": "classification_dataset=image_folder classification_dataset.root={0} or resume={0}",
    "evaluate": "checkpoint={0}",
    "export": "checkpoint={0}",
    "predict": "checkpoint={0} or input={0}",
    "prepare": "dataset=folder dataset.root={0}",
    "weights": "source={0}",
}
_THERE_ALREADY = re.compile(r".*already at '(.+?)'\.\nEither remove \+ prefix: '(.+)'\n")
_NO_OPTION = re.compile(
    r"\+?(?P<group>[\w/]+)(?:@[\w.]+)?=(?P<value>null|true|false|[-+.\d][-+.\de]*)", re.IGNORECASE
)
_DECIMAL_COMMA = re.compile(r"-?0,\d+")


def check_flags(arguments: list[str], command: str) -> None:
    """Refuse what begins with a dash and is no option.

    Raises:
        ConfigError: which one it is, and how keys are written.
    """

    def refuse(message: str) -> None:
        words = re.findall(r"--?(\w[\w.-]*)", message.partition(" could match")[0])
        keys = {word.replace("-", "_") for word in words}
        hints = [_hint(key, command) for key in sorted(keys)]
        raise ConfigError(
            f"{message}; keys are written without dashes, as KEY=VALUE (--help lists them)"
            f"{''.join(hints[:2])}"
        )

    parser = get_args_parser()
    parser.error = refuse  # type: ignore[method-assign,assignment]
    parser.parse_args(arguments)


def check_options(arguments: list[str], command: str) -> None:
    """Refuse groups for which a number, a truth value or nothing is chosen.

    Raises:
        ConfigError: which one it is, and the options of that group.
    """
    for argument in arguments:
        match = _NO_OPTION.fullmatch(argument)
        if match is None or not is_group(match["group"]):
            continue
        options = ", ".join(options_of(match["group"]))
        default = re.search(
            rf"^  - (?:override )?{match['group']}: (\w+)",
            (conf_dir() / f"{command}.yaml").read_text("utf-8"),
            re.MULTILINE,
        )
        is_needed = default is not None and default[1] != "null"
        remedy = "" if is_needed else "; for none leave it out"
        raise ConfigError(f"{argument}: no such option; allowed: {options}{remedy}")


def misread(argument: str, command: str) -> str:
    """Return a message for an argument that cannot be parsed, with what can be typed instead."""
    key, equals, value = argument.partition("=")
    if not equals or not key.strip("+~"):
        path = Path(argument).exists() and _PATHS.get(command)
        meant = f"\n  did you mean {path.format(argument)}?" if path else _hint(argument, command)
        return (
            f"{argument}: is no KEY=VALUE; write both in one word, without blanks around the ="
            f"{meant}"
        )
    for candidate in _candidates(key, value):
        if _is_readable(candidate):
            return f"{argument}: cannot be read; write {shlex.quote(candidate)}"
    return f"{argument}: cannot be read as KEY=VALUE; keys are words with dots between"


def misplaced(message: str) -> str:
    """Return a message for a group that a command lacks, or a key or group that is there already.

    Empty for other errors.
    """
    if match := _THERE_ALREADY.match(message):
        return f"{match[1]}: is there already; write {shlex.quote(match[2])} without a plus"
    if match := re.match(r"In '(\w+)/.*': Could not override", message):
        return f"{match[1]}: has no part here, leave it out"
    if match := re.match(r"Multiple values for .*'override (\S+): (.*)'", message):
        return f"{match[1]}: is chosen already; write {match[1]}={match[2]} without a plus"
    return ""


def several_values(message: str) -> str:
    """Return a message for commas outside a sweep; empty where Hydra's error is another one."""
    if match := _OF_SWEEPS.match(message):
        return f"{match[1]}: is for sweeps alone; add -m"
    if (match := _SEVERAL.match(message)) is None:
        return ""
    key, _, value = match[1].partition("=")
    lines = [f"{match[1]}: several values"]
    if not is_group(key.lstrip("+")):  # of a group one option is chosen
        lines.append(f"a list: {shlex.quote(f'{key}=[{value}]')}")
    lines.append("a sweep, one run each: add -m")
    if _DECIMAL_COMMA.fullmatch(value):
        lines.append(f"a decimal number: {key}={value.replace(',', '.')}")
    return "\n  ".join(lines)


def _hint(key: str, command: str) -> str:
    sections = re.findall(r"^(?:  - )?(\w+):", (conf_dir() / f"{command}.yaml").read_text(), re.M)
    return hint(key, sections) if re.fullmatch(r"\w+", key) else ""


def _candidates(key: str, value: str) -> Iterator[str]:
    """Yield spellings of what was probably meant, the likeliest first."""
    inner = value.strip("()[] ")
    if value[:1] in "([" and inner:
        yield f"{key}=[{inner}]"
    yield f"{key}={quoted(value)}"


def _is_readable(argument: str) -> bool:
    try:
        OverridesParser.create().parse_override(argument)
    except HydraException:
        return False
    return True
