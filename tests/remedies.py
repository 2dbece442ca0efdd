"""What a message offers to type, and the answer to a command line before anything is built."""

import re

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seg.build.instantiate import check_targets
from seg.config import commands
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
    "weights": (commands.WeightsConfig, "action"),
    "describe": (commands.DescribeConfig, "task"),
    "benchmark": (commands.BenchmarkConfig, "task"),
    "report": (commands.ReportConfig, "runs"),
}
_VALUE = r"(?:\[[^\]\n]*\]|\"[^\"\n]*\"|[^\s;,\[\](){}'?]+)"
_ASSIGNMENT = rf"(?<![\w.\]])\+{{0,2}}[a-z][\w./]*=(?:{_VALUE})"
_QUOTED = r"'\+{0,2}[a-z][\w./]*=[^'\n]+'"
REMEDY = re.compile(rf"(?:{_QUOTED}|{_ASSIGNMENT})(?: (?:{_QUOTED}|{_ASSIGNMENT}))*")
MOST_LINES = 6


def answer(command: str, *arguments: str) -> str | None:
    """The error that a command line gets for its words alone; None where they are sound."""
    schema, positional = SCHEMAS[command]
    typed = open_mappings(quote_paths(spell_out(positional, list(arguments))))
    try:
        check_flags(typed, command)
        check_options(typed, command)
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            composed = compose(command, typed)
        plain = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
        known = {key: value for key, value in plain.items() if key not in foreign_sections(schema)}
        config = validate(schema, known)
        if isinstance(config, FitConfig):
            check_targets(config)
    except (HydraException, OmegaConfBaseException) as error:
        return explain(error, command, typed)
    except UserError as error:
        return str(error)
    return None


def offered(message: str) -> list[str]:
    """Each remedy within a message as it would be typed, without what was typed."""
    return [each.rstrip(".") for each in REMEDY.findall(message)]


def key_of(argument: str) -> str:
    """What an argument sets."""
    return argument.strip("'").lstrip("+").partition("=")[0]


__all__ = ["MOST_LINES", "SCHEMAS", "ConfigError", "answer", "key_of", "offered"]
