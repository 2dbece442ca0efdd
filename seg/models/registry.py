"""Names for encoders and decoders: a new one is one file, which declares itself here."""

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from torch import nn

from seg.config.target_validation import check_type
from seg.errors import ConfigError

Factory = TypeVar("Factory", bound=Callable[..., nn.Module])


class Registry(Generic[Factory]):
    """Name -> factory, filled by the modules of a package as `discover` imports them.

    Args:
        kind: the word that messages use, such as `encoder`.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._factories: dict[str, Factory] = {}

    def register(self, name: str) -> Callable[[Factory], Factory]:
        """Register a factory, by decorator or call, under a name that is still free.

        Raises:
            ValueError: the name is taken.
        """

        def declare(factory: Factory) -> Factory:
            if name in self._factories:
                raise ValueError(f"two {self.kind}s are named {name!r}")
            self._factories[name] = factory
            return factory

        return declare

    def discover(self, package_name: str, package_path: Iterable[str]) -> None:
        """Import every module of the package, which makes them register."""
        for module in pkgutil.iter_modules(package_path):
            importlib.import_module(f"{package_name}.{module.name}")

    def names(self) -> list[str]:
        """Return every registered name, sorted."""
        return sorted(self._factories)

    def factory(self, name: str) -> Factory:
        """Return what builds the module of that name.

        Raises:
            ConfigError: unknown name, with those allowed and the nearest.
        """
        if name not in self._factories:
            raise ConfigError(unknown(self.kind, name, self.names()))
        return self._factories[name]

    def create(self, name: str, *positional: Any, **options: Any) -> nn.Module:
        """Build the module of that name.

        Raises:
            ConfigError: unknown name or unknown option, with those allowed and the nearest.
        """
        factory = self.factory(name)
        allowed = option_names(factory)
        for option, value in options.items():
            if option not in allowed:
                raise ConfigError(unknown(f"option of {self.kind} {name!r}", option, allowed))
            check_type(factory, option, value, self.kind)
        return factory(*positional, **options)


def option_names(factory: Callable[..., Any]) -> list[str]:
    """Return the names of the keyword-only parameters of a factory."""
    parameters = inspect.signature(factory).parameters.values()
    return [p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]


def unknown(what: str, given: str, allowed: Iterable[str]) -> str:
    """Return the message for a name that is not allowed, with the allowed and the nearest one."""
    allowed = list(allowed)
    nearest = difflib.get_close_matches(str(given), allowed, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    return f"unknown {what}: {given!r}{hint}\n  allowed: {', '.join(allowed)}"


ENCODERS: Registry[Callable[..., nn.Module]] = Registry("encoder")
DECODERS: Registry[Callable[..., nn.Module]] = Registry("decoder")
