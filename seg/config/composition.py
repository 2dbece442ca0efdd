"""Composes a command's configuration from `conf/` and from the options of plugins."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig

from seg.config.conf_dir import conf_dir
from seg.config.plugins import Plugin, plugins


def composed(name: str, overrides: Sequence[str], **options: Any) -> DictConfig:
    """Compose the configuration of a command, outside its run.

    Args:
        name: of the command.
        overrides: as they are typed.
        **options: of Hydra's `compose`.

    Raises:
        HydraException, OmegaConfBaseException: the overrides do not compose.
        ConfigError: see `search_in_plugins`.
    """
    search_in_plugins()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return compose(name, list(overrides), **options)


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
