"""How other PyTorch projects name the tensors that we hold too: one file a project.

A new one is a file in this folder that declares a `DIALECT`.
"""

import importlib
import pkgutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Dialect:
    """The names of one project.

    Attributes:
        description: what the messages call it.
        rename: the names of a file -> theirs to ours (`encoder.`, `decoder.`, `linear.`), for those
            that have a place; None where the file does not speak this dialect.
    """

    description: str
    rename: Callable[[Collection[str]], dict[str, str] | None]


@cache
def dialects() -> tuple[Dialect, ...]:
    """Every dialect of this folder."""
    modules = (
        importlib.import_module(f"{__name__}.{module.name}")
        for module in pkgutil.iter_modules(__path__)
    )
    return tuple(module.DIALECT for module in modules if hasattr(module, "DIALECT"))
