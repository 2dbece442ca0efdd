"""Turns the composer's errors into a few lines: the key, what is allowed, the nearest name."""

import inspect

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from seg.config.allowed import locate
from seg.config.facts import FACTS, FOLLOWS
from seg.config.hints import hint
from seg.config.location import conf_dir
from seg.config.nearest import nearest
from seg.errors import ConfigError


def explain(error: Exception, config_name: str, overrides: list[str]) -> str:
    """A user's message for any error that composing `config_name` with `overrides` may raise."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _missing_option(error)
    if isinstance(error, MissingMandatoryValue):
        key = error.full_key or str(error).rpartition(" ")[2]
        return f"{key}: missing; give {key}=..."
    cause = error.__cause__
    if isinstance(error, ConfigCompositionException) and isinstance(cause, OmegaConfBaseException):
        return _unknown_key(cause.full_key or "", config_name, overrides)
    return "\n".join(line for line in str(error).splitlines() if line.strip())


def _missing_option(error: MissingConfigException) -> str:
    group, _, option = str(error.missing_cfg_file).rpartition("/")
    options = sorted(str(option) for option in error.options or ())
    if not group or not options:
        return str(error).splitlines()[0]
    return (
        f"{group}={option}: no such option; allowed: {', '.join(options)}{nearest(option, options)}"
    )


def _unknown_key(key: str, config_name: str, overrides: list[str]) -> str:
    parent, _, name = key.rpartition(".")
    whole = _without_values(config_name, overrides)
    section = OmegaConf.select(whole, parent, default=None) if parent and whole else whole
    if name in FACTS.get(parent, ()):
        return f"{key}: {FOLLOWS}"
    if not isinstance(section, DictConfig) or whole is None:
        return f"{key}: no such key"
    allowed = sorted(str(key) for key in section)
    further = hint(key, map(str, whole))
    if not further and _takes(section, parent, name):
        further = f"\n  it is an argument that no file lists: write +{key}=..."
    return f"{key}: no such key; allowed: {', '.join(allowed)}{nearest(name, allowed)}{further}"


def _takes(section: DictConfig, key: str, name: str) -> bool:
    """Whether what a section builds has an argument of that name."""
    if "_target_" not in section:
        return False
    try:
        target = locate(section["_target_"], key, from_file=False)
    except ConfigError:
        return False
    return name in inspect.signature(target).parameters


def _without_values(config_name: str, overrides: list[str]) -> DictConfig | None:
    """The configuration with the chosen groups only, so that its keys can be listed."""
    groups = {entry.name for entry in conf_dir().iterdir() if entry.is_dir()}
    chosen = [
        override for override in overrides if override.lstrip("+~").partition("=")[0] in groups
    ]
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            return compose(config_name, chosen)
    except (HydraException, OmegaConfBaseException):
        return None
