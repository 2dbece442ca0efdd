"""Composition of trials before they start, as the launcher will compose them."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.errors import HydraException
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from seg.config.schema import (
    FitConfig,
    PretrainConfig,
    TrainConfig,
    foreign_sections,
    validate,
)
from seg.errors import ConfigError, error_summary

_SCHEMAS: dict[str, tuple[type[FitConfig], str]] = {
    "train": (TrainConfig, "val/miou"),
    "pretrain": (PretrainConfig, "val/top1"),
}


class Composer:
    """Composes the configuration of a trial from the sweep's, common overrides and its choices.

    Raises:
        ConfigError: a command whose runs have no score.
    """

    def __init__(self, context: HydraContext, config: DictConfig, common: Sequence[str]) -> None:
        self.command = str(config.hydra.job.name)
        if self.command not in _SCHEMAS:
            allowed = ", ".join(_SCHEMAS)
            raise ConfigError(
                f"hydra/sweeper: {self.command} has no score to compare; allowed for: {allowed}; "
                "give hydra/sweeper=basic"
            )
        self._loader = context.config_loader
        self._config = config
        self._common = list(common)

    def overrides(
        self, number: int, choices: Mapping[str, str], extras: Sequence[str]
    ) -> list[str]:
        """Return the overrides of a trial for the launcher."""
        choice_words = [f"{key}={value}" for key, value in choices.items()]
        return [*self._common, *choice_words, *extras, f"hydra.sweep.subdir={number}"]

    def compose_error(self, overrides: Sequence[str]) -> str | None:
        """Return why a trial cannot be composed; None if it can."""
        try:
            self._loader.load_sweep_config(self._config, list(overrides))
        except (HydraException, OmegaConfBaseException) as error:
            return error_summary(error)
        return None

    def monitor(self, samples: Sequence[Mapping[str, str]]) -> tuple[str, bool]:
        """Return the name of the value that trials are compared by, and whether larger is better.

        Args:
            samples: choices that show every value once. What cannot be composed is refused; what
                the schema refuses only if it refuses them all.

        Raises:
            ConfigError, HydraException, OmegaConfBaseException: the choices are not valid.
        """
        lines = [self.overrides(0, each, ()) for each in samples]
        composed = [self._loader.load_sweep_config(self._config, line) for line in lines]
        checked = [self._checked(each) for each in composed]
        errors = [each for each in checked if isinstance(each, ConfigError)]
        if errors and len(errors) == len(checked):
            raise errors[0]
        config = next(each for each in checked if isinstance(each, FitConfig))
        if config.keeper is None:
            return _SCHEMAS[self.command][1], True
        return str(config.keeper["monitor"]), str(config.keeper["mode"]) == "max"

    def _checked(self, composed: DictConfig) -> FitConfig | ConfigError:
        """Validate a composed configuration; return it, or why it is refused."""
        schema = _SCHEMAS[self.command][0]
        with open_dict(composed):
            del composed["hydra"]
        plain: dict[str, Any] = OmegaConf.to_container(  # type: ignore[assignment]
            composed, resolve=True, throw_on_missing=True
        )
        foreign = foreign_sections(schema)
        try:
            return validate(schema, {k: v for k, v in plain.items() if k not in foreign})
        except ConfigError as error:
            return error
