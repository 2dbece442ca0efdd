"""What a message offers to type, and the answer to a command line before anything is built."""

import copy
import re
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
from seg.config.error_messages import explain
from seg.config.misread import check_flags, check_options
from seg.config.schema import (
    FitConfig,
    PretrainConfig,
    Section,
    TrainConfig,
    foreign_sections,
    validate,
)
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


__all__ = ["MOST_LINES", "SCHEMAS", "ConfigError", "answer", "key_of", "offered"]
