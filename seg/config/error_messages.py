"""Messages for errors of Hydra's composition: the key, what is allowed, the nearest name."""

import inspect
from pathlib import Path

from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from seg.config.allowed_targets import locate
from seg.config.composition import composed
from seg.config.conf_dir import groups, is_group
from seg.config.facts import FOLLOWS, follows
from seg.config.former_keys import renamed_option
from seg.config.hints import no_such_key, options_of
from seg.config.misread import misplaced, misread, several_values
from seg.config.nearest import nearest
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


def explain(error: Exception, config_name: str, overrides: list[str]) -> str:
    """Return a message for any error that composing `config_name` with `overrides` may raise."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _missing_option(error, overrides)
    if isinstance(error, MissingMandatoryValue):
        key = error.full_key or str(error).rpartition(" ")[2]
        return f"{key}: missing; give {key}=..."
    if isinstance(error, OverrideParseException):
        return misread(error.override, config_name)
    cause = error.__cause__
    if isinstance(error, ConfigCompositionException) and isinstance(cause, OmegaConfBaseException):
        return _unknown_key(cause.full_key or "", config_name, overrides)
    text = "\n".join(line for line in str(error).splitlines() if line.strip())
    return several_values(text) or misplaced(text) or text


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
    return no_such_key(key, sorted(map(str, section)), _sections(whole), further)


def _sections(whole: DictConfig) -> list[str]:
    """Return the first parts of keys, less groups of which nothing is chosen."""
    return [
        str(key)
        for key, value in whole.items_ex(resolve=False)
        if value is not None or not is_group(str(key))
    ]


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
