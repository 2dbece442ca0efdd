"""Builds what a configuration names: the only caller of `instantiate`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from seg.build.precision import precision_of
from seg.config import target_validation
from seg.config.facts import RUNTIME_ARGS
from seg.config.schema import FitConfig, Section
from seg.errors import ConfigError, UserError

_LOGGER_FACTS = ("save_dir",)


def check_targets(config: FitConfig) -> None:
    """Hold every `_target_` of a configuration against the allow-list and its signature.

    Raises:
        ConfigError: what is wrong with which key.
    """
    check_sections(config, *(key for key in RUNTIME_ARGS if key in type(config).model_fields))
    for group, given in (("callbacks", ()), ("logger", _LOGGER_FACTS)):
        for name, node in getattr(config, group).items():
            if node:
                target_validation.check(node.node(), f"{group}.{name}", given)


def check_sections(config: Section, *keys: str, from_file: bool = False) -> None:
    """The same for some sections of any command's configuration, or of one that a file holds."""
    for key in keys:
        section = getattr(config, key)
        if section is not None:
            node = section.node()
            settled = {"precision": precision_of(node)} if key == "trainer" else {}
            target_validation.check(
                {**node, **settled}, key, RUNTIME_ARGS[key], from_file=from_file
            )


def build(key: str, node: Mapping[str, Any], **facts: Any) -> Any:
    """Instantiate a node; what its constructor refuses becomes an error under the node's key."""
    with _refusals(key):
        return instantiate(dict(node), _convert_="all", **facts)


def partial_build(key: str, node: Mapping[str, Any]) -> Callable[..., Any]:
    """The same for a node that is called once training knows its arguments."""
    partial = build(key, node)

    def build_now(*arguments: Any, **facts: Any) -> Any:
        with _refusals(key):
            return partial(*arguments, **facts)

    return build_now


@contextmanager
def _refusals(key: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        by_hydra = isinstance(error, InstantiationException)
        cause = error.__cause__ if by_hydra else error
        if isinstance(cause, UserError):
            raise cause from None
        # by name: importing Lightning takes seconds, and not every command needs it
        of_lightning = type(cause).__name__ == "MisconfigurationException"
        mendable = of_lightning or isinstance(cause, ValueError | RuntimeError)
        if mendable or (by_hydra and isinstance(cause, TypeError)):
            raise ConfigError(f"{key}: {cause}") from cause
        raise
