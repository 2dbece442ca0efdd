"""Key maps: names that other PyTorch projects give to our tensors, one file a project.

A new one is a file in this package that declares a `KEY_MAP`.
"""

import importlib
import pkgutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class KeyMap:
    """Names of one project.

    Attributes:
        description: its name in messages.
        rename: maps the names of a file to ours (`encoder.`, `decoder.`, `linear.`), if they have a
            place; None where the file is not of this project.
    """

    description: str
    rename: Callable[[Collection[str]], dict[str, str] | None]


@cache
def key_maps() -> tuple[KeyMap, ...]:
    """Return every key map of this package."""
    modules = (
        importlib.import_module(f"{__name__}.{module.name}")
        for module in pkgutil.iter_modules(__path__)
    )
    return tuple(module.KEY_MAP for module in modules if hasattr(module, "KEY_MAP"))
