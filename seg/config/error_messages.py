"""Messages for arguments that Hydra cannot read or compose: the key, what is allowed, a remedy."""

import inspect
import re
import shlex
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from seg.config.allowed_targets import locate
from seg.config.cli_overrides import quoted
from seg.config.composition import composed
from seg.config.conf_dir import conf_dir, groups, is_group
from seg.config.facts import FOLLOWS, follows
from seg.config.former_keys import renamed_option
from seg.config.hints import hint, no_such_key
from seg.config.options import nearest, options_of
from seg.config.plugins import VARIABLE
from seg.errors import ConfigError

# Remedies beside the options of a group.
_OTHERS = {
    "encoder": "one of timm or of segmentation-models-pytorch by its name there: "
    "encoder=timm encoder.name={option}",
    "decoder": "one of segmentation-models-pytorch by its name there: "
    "decoder=smp decoder.name=Unet",
    "dataset": "your own images and labels: dataset=folder dataset.root={option}",
    "classification_dataset": "your own images: classification_dataset=image_folder "
    "classification_dataset.root={option}",
    "logger": "TensorBoard and a CSV file: logger=default",
}
_SEVERAL = re.compile(r"Ambiguous value for argument '(.*)'")
_OF_SWEEPS = re.compile(r"Sweep parameters '(.*)' requires --multirun")
_PATTERNS = ("dataset.images", "dataset.labels")
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
        ConfigError: which one it is, and the options of that group; or a pattern that a shell has
            replaced by several arguments.
    """
    _check_patterns(arguments)
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


def _check_patterns(arguments: list[str]) -> None:
    """Refuse one pattern twice in a row: of `{a,b}` a shell makes two arguments."""
    for one, two in pairwise(arguments):
        key = one.partition("=")[0]
        if key in _PATTERNS and two.startswith(f"{key}=") and one != two:
            raise ConfigError(
                f"{one} {two}: one key, two values; did the shell expand a pattern?\n"
                f"  in single quotes it stays: '{key}=**/*.jpg'"
            )


def explain(error: Exception, config_name: str, overrides: list[str]) -> str:
    """Return a message for any error that composing `config_name` with `overrides` may raise."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _missing_option(error, overrides)
    if isinstance(error, MissingMandatoryValue):
        key = error.full_key or str(error).rpartition(" ")[2]
        return f"{key}: missing; give {key}=..."
    if isinstance(error, OverrideParseException):
        return _misread(error.override, config_name)
    cause = error.__cause__
    if isinstance(error, ConfigCompositionException) and isinstance(cause, OmegaConfBaseException):
        return _unknown_key(cause.full_key or "", config_name, overrides)
    text = "\n".join(line for line in str(error).splitlines() if line.strip())
    return _several_values(text) or _misplaced(text) or text


def _missing_option(error: MissingConfigException, overrides: list[str]) -> str:
    group, _, option = str(error.missing_cfg_file).rstrip("/").rpartition("/")
    first, _, rest = str(error.missing_cfg_file).partition("/")
    if first in _OTHERS:  # the value may be a path
        group, option = first, rest
    options = options_of(group) or sorted(str(option) for option in error.options or ())
    if not group or not options:
        return str(error).splitlines()[0]
    close = "" if Path(option).is_dir() else nearest(option, options)
    if present := renamed_option(group, option):
        close = f"\n  {option} is called {group}={present} now"
    others = _OTHERS.get(group, "").format(option=option)
    if close and group not in ("encoder", "decoder"):
        others = ""
    if any(each.startswith("resume=") for each in overrides):
        others = f"if the run was begun with it, its plugin lacks: install that, or set {VARIABLE}"
    return (
        f"{group}={option}: no such option; allowed: {', '.join(options)}{close}"
        f"{others and f'{chr(10)}  {others}'}"
    )


def _unknown_key(key: str, config_name: str, overrides: list[str]) -> str:
    parent, _, name = key.rpartition(".")
    whole = _without_values(config_name, overrides)
    section = OmegaConf.select(whole, parent, default=None) if parent and whole else whole
    if follows(parent, name):
        return f"{key}: {FOLLOWS}"
    if not isinstance(section, DictConfig) or whole is None:
        return f"{key}: no such key"
    further = ""
    if _takes(section, parent, name):
        further = f"\n  it is an argument that no file lists: write +{key}=..."
    sections = [  # less groups of which nothing is chosen
        str(key)
        for key, value in whole.items_ex(resolve=False)
        if value is not None or not is_group(str(key))
    ]
    return no_such_key(key, sorted(map(str, section)), sections, further)


def _takes(section: DictConfig, key: str, name: str) -> bool:
    """Return whether the target of a section has an argument of that name."""
    if "_target_" not in section:
        return False
    try:
        target = locate(section["_target_"], key)
    except ConfigError:
        return False
    return name in inspect.signature(target).parameters


def _without_values(config_name: str, overrides: list[str]) -> DictConfig | None:
    """Return the configuration with the chosen groups only, so that its keys can be listed."""
    known = groups()
    chosen = [
        override for override in overrides if override.lstrip("+~").partition("=")[0] in known
    ]
    try:
        return composed(config_name, chosen)
    except (HydraException, OmegaConfBaseException):
        return None


def _misread(argument: str, command: str) -> str:
    """Return a message for an argument that cannot be parsed, with what can be typed instead."""
    key, equals, value = argument.partition("=")
    if not equals or not key.strip("+~"):
        path = Path(argument).exists() and _PATHS.get(command)
        meant = f"\n  did you mean {path.format(argument)}?" if path else _hint(argument, command)
        if path and Path(argument).is_file() and command in ("prepare", "train"):
            meant += "\n  a pattern that the shell replaced by files stays in single quotes:"
            meant += " 'dataset.images=**/*.jpg'"
        return (
            f"{argument}: is no KEY=VALUE; write both in one word, without blanks around the ="
            f"{meant}"
        )
    inner = value.strip("()[] ")
    candidates = [f"{key}=[{inner}]"] if value[:1] in "([" and inner else []
    for candidate in (*candidates, f"{key}={quoted(value)}"):
        with suppress(HydraException):
            OverridesParser.create().parse_override(candidate)
            return f"{argument}: cannot be read; write {shlex.quote(candidate)}"
    return f"{argument}: cannot be read as KEY=VALUE; keys are words with dots between"


def _misplaced(message: str) -> str:
    """Return a message for a group that a command lacks, or that is there already; else empty."""
    if match := _THERE_ALREADY.match(message):
        return f"{match[1]}: is there already; write {shlex.quote(match[2])} without a plus"
    if match := re.match(r"In '(\w+)/.*': Could not override", message):
        return f"{match[1]}: has no part here, leave it out"
    if match := re.match(r"Multiple values for .*'override (\S+): (.*)'", message):
        return f"{match[1]}: is chosen already; write {match[1]}={match[2]} without a plus"
    return ""


def _several_values(message: str) -> str:
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
