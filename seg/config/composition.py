"""Composes a command's configuration from `conf/`, plugins, and arguments in Python."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hydra import compose, initialize_config_dir
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf

from seg.config.conf_dir import conf_dir
from seg.config.options import read_option
from seg.config.plugins import Plugin, plugins
from seg.config.schema import foreign_sections, validate
from seg.config.section import Section

C = TypeVar("C", bound=Section)


def composed(name: str, overrides: Sequence[str], **options: Any) -> DictConfig:
    """Compose the configuration of a command, outside its run; options are Hydra's.

    Raises:
        HydraException, OmegaConfBaseException: the overrides do not compose.
        ConfigError: see `search_in_plugins`.
    """
    search_in_plugins()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return compose(name, list(overrides), **options)


def chosen(
    name: str, schema: type[C], options: Mapping[str, str | None], values: Mapping[str, Any]
) -> C:
    """Return the configuration that a command line of the same choices gives.

    Args:
        name: of the command.
        schema: of its configuration.
        options: option of a group; None: as the command has it.
        values: keys that differ from those of the command, nested; paths are taken as well.

    Raises:
        ConfigError: an unknown option, or a key or value that does not fit.
    """
    named = {group: option for group, option in options.items() if option is not None}
    for group, option in named.items():
        read_option(group, option)  # says which there are
    config = composed(name, [f"{group}={option}" for group, option in named.items()])
    plain = _laid_over(OmegaConf.to_container(config, resolve=True), values)
    foreign = foreign_sections(schema)
    return validate(schema, {key: value for key, value in plain.items() if key not in foreign})


def search_in_plugins() -> None:
    """Let Hydra find the options of plugins, after those of seg.

    Raises:
        ConfigError: a plugin cannot be imported, or has an option that is there already.
    """
    homes: dict[Path, Plugin] = {}
    for plugin in plugins():
        for place in plugin.conf_dirs:
            for option in sorted(file.relative_to(place) for file in place.rglob("*.yaml")):
                own = (conf_dir() / option).is_file()
                if own or option in homes:
                    owner = "seg" if own else homes[option].name
                    raise plugin.error(f"conf/{option} is there in {owner} too", "rename that file")
                homes[option] = plugin
    Plugins.instance().register(_PluginOptions)


class _PluginOptions(SearchPathPlugin):
    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for plugin in plugins():
            for place in plugin.conf_dirs:
                search_path.append(provider=plugin.name, path=f"file://{place}")


def _laid_over(plain: Any, values: Any) -> Any:
    if isinstance(plain, Mapping) and isinstance(values, Mapping):
        inner = {key: _laid_over(plain.get(key), value) for key, value in values.items()}
        return {**plain, **inner}
    if isinstance(values, Path):
        return str(values)
    return list(values) if isinstance(values, tuple) else values
