"""What a message offers to type, and the answer to a command line before anything is built."""

import copy
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seg.build.instantiate import check_targets
from seg.config import commands, error_messages
from seg.config.cli_overrides import open_mappings, quote_paths, spell_out
from seg.config.conf_dir import conf_dir
from seg.config.error_messages import check_flags, check_options, explain
from seg.config.schema import FitConfig, PretrainConfig, TrainConfig, foreign_sections, validate
from seg.config.section import Section
from seg.config.serve import ServeConfig
from seg.errors import ConfigError, UserError

SCHEMAS: dict[str, tuple[type[Section], str | None]] = {
    "train": (TrainConfig, None),
    "pretrain": (PretrainConfig, None),
    "evaluate": (commands.EvaluateConfig, None),
    "predict": (commands.PredictConfig, None),
    "export": (commands.ExportConfig, None),
    "prepare": (commands.PrepareConfig, "task"),
    "weights": (commands.WeightsConfig, "task"),
    "describe": (commands.DescribeConfig, "task"),
    "benchmark": (commands.BenchmarkConfig, "task"),
    "report": (commands.ReportConfig, "runs"),
    "serve": (ServeConfig, None),
}
_TEXT = r"(?:\[[^\]\n]*\]|\"[^\"\n]*\"|[^\s;,\[\](){}'?]+)"
_ASSIGNMENT = rf"(?<![\w.\]])\+{{0,2}}[a-z][\w./]*=(?:{_TEXT})"
_QUOTED = r"'\+{0,2}[a-z][\w./]*=[^'\n]+'"
REMEDY = re.compile(rf"(?:{_QUOTED}|{_ASSIGNMENT})(?: (?:{_QUOTED}|{_ASSIGNMENT}))*")
GROUPS = {each.name for each in conf_dir().iterdir() if each.is_dir()}
_VALUE = re.compile(r"\+{0,2}(?!hydra\.)[\w.]+=")
MOST_LINES = 6


def answer(command: str, *arguments: str) -> str | None:
    """The error that a command line gets for its words alone; None where they are sound."""
    try:
        configuration(command, *arguments)
    except UserError as error:
        return str(error)
    return None


def configuration(command: str, *arguments: str) -> Section:
    """What a command line stands for; raises what the command answers to wrong words."""
    schema, positional = SCHEMAS[command]
    typed = open_mappings(quote_paths(spell_out(positional, list(arguments))))
    check_flags(typed, command)
    check_options(typed, command)
    try:
        composed = _composed(command, typed)
        plain = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(explain(error, command, typed)) from None
    known = {key: value for key, value in plain.items() if key not in foreign_sections(schema)}
    config = validate(schema, known)
    if isinstance(config, FitConfig):
        check_targets(config)
    return config


def _composed(command: str, typed: list[str]) -> DictConfig:
    """As `compose`; what is chosen of the groups is composed once, then Hydra sets the values."""
    values = [each for each in typed if _VALUE.match(each) and key_of(each) not in GROUPS]
    chosen = tuple(each for each in typed if each not in values)
    config = copy.deepcopy(_of_the_groups(command, chosen))
    parsed = OverridesParser.create().parse_overrides(values)
    if any(each.is_sweep_override() for each in parsed):
        return compose_anew(command, typed)
    ConfigLoaderImpl._apply_overrides_to_config(parsed, config)
    return config


@cache
def _of_the_groups(command: str, chosen: tuple[str, ...]) -> DictConfig:
    return compose_anew(command, list(chosen))


def _once(command: str, chosen: list[str]) -> DictConfig:
    return copy.deepcopy(_of_the_groups(command, tuple(chosen)))


error_messages.compose = _once  # it composes anew for each message, which takes most of the time


def compose_anew(command: str, typed: list[str]) -> DictConfig:
    """What Hydra makes of a command line."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return compose(command, typed)


def offered(message: str) -> list[str]:
    """Each remedy within a message as it would be typed, without what was typed."""
    return [each.rstrip(".") for each in REMEDY.findall(message)]


def key_of(argument: str) -> str:
    """What an argument sets."""
    return argument.strip("'").lstrip("+").partition("=")[0]


@dataclass(frozen=True)
class Case:
    """How a message comes about, and how what it offers is typed.

    Attributes:
        message: a part of its text as the code has it; `{}` for what the code fills in.
        typed: the command and its arguments.
        takes: what is offered, as a pattern within the message; its group, where it has one.
        leaves: a pattern of the arguments that are left out; those of the same keys always are.
        adds: what the offer leaves to the user, such as which data set.
        then: part of the message of the next step, where what is offered does not end the work.
        names: a value for each placeholder of what is offered.
        key: that a value is offered for; empty: the first that the message names.
        refused: whether the command that was typed first ends in an error.
        again: whether that command does its work once the offered one has.
    """

    message: str
    typed: str
    takes: str
    leaves: str = "$^"
    adds: str = ""
    then: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    refused: bool = True
    again: bool = False

    def at(self, places: Mapping[str, str]) -> "Case":
        """The case with a path for each name in braces."""
        names = {name: _filled(value, places) for name, value in self.names.items()}
        typed, adds = _filled(self.typed, places), _filled(self.adds, places)
        return replace(self, typed=typed, adds=adds, names=names)


def _filled(text: str, places: Mapping[str, str]) -> str:
    for name, path in places.items():
        text = text.replace(f"{{{name}}}", path)
    return text


def pattern_of(text: str) -> str:
    """A regular expression for a text with `{}` for what the code fills in."""
    return ".*?".join(map(re.escape, text.split("{}")))


def retyped(case: Case, message: str) -> list[str]:
    """The command and arguments that a message offers."""
    assert re.search(pattern_of(case.message), message, re.DOTALL), message
    assert len(message.splitlines()) <= MOST_LINES, message
    match = re.search(case.takes, message)
    assert match is not None, message
    text = match[1] if match.re.groups else match[0]
    for name in sorted(case.names, key=len, reverse=True):
        text = text.replace(name, case.names[name])
    command, *before = shlex.split(case.typed)
    offer, added = shlex.split(text), shlex.split(case.adds)
    if offer[:2] == ["python", "-m"]:
        return [offer[2].removeprefix("seg."), *offer[3:], *added]
    if "=" not in offer[0]:  # the value alone, of the key that the message names first
        offer = [f"{case.key or message.partition('=')[0]}={' '.join(offer)}"]
    keys = set(map(key_of, offer))
    stay = [each for each in before if key_of(each) not in keys]
    return [command, *(each for each in stay if not re.search(case.leaves, each)), *offer, *added]


__all__ = ["MOST_LINES", "SCHEMAS", "ConfigError", "answer", "key_of", "offered"]
