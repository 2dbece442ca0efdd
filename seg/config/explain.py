"""Turns the composer's errors into a few lines: the key, what is allowed, the nearest name."""

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from seg.config.location import conf_dir
from seg.config.schema import nearest


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
    section = _without_values(config_name, overrides)
    if parent and section is not None:
        section = OmegaConf.select(section, parent, default=None)
    if not isinstance(section, DictConfig):
        return f"{key}: no such key"
    allowed = sorted(str(key) for key in section)
    return (
        f"{key}: no such key; allowed: {', '.join(allowed)}{nearest(name, allowed)}\n"
        f"  to hand over an argument that {config_name}.yaml does not list, write +{key}=..."
    )


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
