"""Packages of one's own, whose parts a user's own configuration may name like those of seg.

An installed package declares itself by an entry point of the group `seg.plugins`; one that lies on
the path is named by the environment variable `SEG_PLUGINS`. Nothing is imported here: a package is
imported when a configuration names something in it.
"""

import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from seg.errors import ConfigError, error_summary

GROUP, VARIABLE = "seg.plugins", "SEG_PLUGINS"
_OF_SEG = ("seg", "torch", "torchvision", "albumentations", "pytorch_lightning", "timm")


@dataclass(frozen=True)
class Plugin:
    """A module or package outside seg.

    Attributes:
        name: as it is imported.
        origin: what names it, for messages.
        remedy: what to do where it cannot be imported.
    """

    name: str
    origin: str
    remedy: str

    @property
    def directories(self) -> list[Path]:
        """Its directories; none of a single module.

        Raises:
            ConfigError: there is no such module, or a package around it cannot be imported.
        """
        try:
            spec = importlib.util.find_spec(self.name)
        except Exception as error:  # the package around it is imported, and is anybody's code
            raise self.error(f"{type(error).__name__}: {error_summary(error)}") from error
        if spec is None:
            raise self.error("there is no such module")
        return [Path(each) for each in spec.submodule_search_locations or ()]

    @property
    def conf_dirs(self) -> list[Path]:
        """The directories of its options, each laid out like `conf/`."""
        return [path for each in self.directories if (path := each / "conf").is_dir()]

    def error(self, reason: str, remedy: str | None = None) -> ConfigError:
        """Return the error for a fault of it; without a remedy, for a failed import."""
        mended = self.remedy if remedy is None else remedy
        return ConfigError(f"plugin {self.name} of {self.origin}: {reason}\n  {mended}")

    def holds(self, path: str) -> bool:
        """Whether a dotted path leads into it."""
        return path.startswith(f"{self.name}.")


def plugins() -> tuple[Plugin, ...]:
    """Return the plugins of this environment: those of `SEG_PLUGINS`, then installed ones.

    Raises:
        ConfigError: a name that cannot be one of a plugin.
    """
    named = {each.name: each for each in (*_of_variable(), *_installed())}
    return tuple(named.values())


def plugin_of(path: str) -> Plugin | None:
    """Return the plugin that a dotted path leads into."""
    return next((each for each in plugins() if each.holds(path)), None)


def is_foreign(path: object) -> bool:
    """Return whether a dotted path leads into no library whose parts seg itself may name."""
    return isinstance(path, str) and path.partition(".")[0] not in _OF_SEG


def _of_variable() -> Iterator[Plugin]:
    for name in os.environ.get(VARIABLE, "").split(","):
        if name.strip():
            yield _checked(
                Plugin(
                    name.strip(),
                    VARIABLE,
                    f"install it, add the directory that holds it to PYTHONPATH, or take it out of "
                    f"{VARIABLE}",
                )
            )


@cache
def _installed() -> tuple[Plugin, ...]:
    found = []
    for each in entry_points(group=GROUP):
        package = "the installed package" if each.dist is None else each.dist.name
        remedy = f"install {package} again, or remove it: pip uninstall {package}"
        found.append(_checked(Plugin(each.module, package, remedy)))
    return tuple(found)


def _checked(plugin: Plugin) -> Plugin:
    if not all(part.isidentifier() for part in plugin.name.split(".")):
        raise plugin.error("is no name of a module", "name it as it is imported, my_package")
    first = plugin.name.partition(".")[0]
    if first in _OF_SEG or first in sys.stdlib_module_names:
        raise plugin.error(f"{first} is a library that seg uses itself", "name another package")
    return plugin
