"""Instantiation of what a configuration names: the only caller of `instantiate`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import is_dataclass
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from seg.build.precision import precision_of
from seg.config import target_validation
from seg.config.allowed_targets import USER, Author, of_plugins
from seg.config.facts import RUNTIME_ARGS
from seg.config.schema import FitConfig
from seg.config.section import Section
from seg.config.target_validation import foreign_targets
from seg.errors import ConfigError, UserError

_GROUPS: dict[str, tuple[str, ...]] = {"callbacks": (), "logger": ("save_dir",)}


def check_targets(config: FitConfig, *, but_plugins: bool = False) -> None:
    """Check every `_target_` of a configuration against the allow-list and its signature.

    Args:
        config: of a run.
        but_plugins: pass over what names plugins: a file says so, and nothing is built of it.

    Raises:
        ConfigError: what is wrong with which key.
    """
    sections = {
        key: getattr(config, key) for key in RUNTIME_ARGS if key in type(config).model_fields
    }
    nodes = {f"{g}.{name}": n for g in _GROUPS for name, n in getattr(config, g).items()}
    for key, section in (sections | nodes).items():
        if section is None or (but_plugins and any(foreign_targets(section.node(), key))):
            continue
        if key in sections:
            check_sections(config, key)
        else:
            target_validation.check(section.node(), key, _GROUPS[key.partition(".")[0]])


def check_sections(config: Section, *keys: str, author: Author = USER) -> None:
    """Check the `_target_`s of some sections of a configuration, which may come from a file."""
    nodes = {key: section.node() for key in keys if (section := getattr(config, key)) is not None}
    if not author.is_user:
        foreign = {k: path for key, node in nodes.items() for k, path in foreign_targets(node, key)}
        if refused := {k: p for k, p in foreign.items() if not author.may_name_plugins(p)}:
            raise of_plugins(refused, author)  # all at once
    for key, node in nodes.items():
        settled = {"precision": precision_of(node)} if key == "trainer" else {}
        target_validation.check({**node, **settled}, key, RUNTIME_ARGS[key], author)


def build(key: str, node: Mapping[str, Any], **facts: Any) -> Any:
    """Instantiate a node; what its constructor refuses becomes an error under the node's key."""
    # Hydra takes objects of data classes for configurations: they come after it
    objects = {name: fact for name, fact in facts.items() if is_dataclass(fact)}
    with _refusals(key):
        if not objects:
            return instantiate(dict(node), _convert_="all", **facts)
        others = {name: fact for name, fact in facts.items() if name not in objects}
        return instantiate({**node, "_partial_": True}, _convert_="all", **others)(**objects)


def partial_build(key: str, node: Mapping[str, Any]) -> Callable[..., Any]:
    """Instantiate a partial node; it is called once training knows the other arguments."""
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
