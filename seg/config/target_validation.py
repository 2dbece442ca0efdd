"""Validation of every `_target_` against an allow-list and its signature, before building."""

import inspect
import sys
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from seg.config.allowed_targets import USER, Author, locate, locate_part, named
from seg.config.facts import FOLLOWS, follows
from seg.config.hints import hint, reason
from seg.config.options import nearest
from seg.config.plugins import is_foreign
from seg.errors import ConfigError

_HYDRA_KEYS = ("_target_", "_partial_", "_args_", "_recursive_", "_convert_")
_REFUSED_KEYS = ("_args_", "_recursive_", "_convert_")
_COMPLETED = (
    "optimizer",
    "scheduler",
    "distillation",
    "semi_supervised",
)  # once training knows their arguments
_COMPOSED = ("transforms", "transform")
_TRANSFORMS = (
    "seg.data.transforms.by_channels.ByChannels",
    "albumentations.BasicTransform",
    "albumentations.BaseCompose",
    "torchvision.transforms.v2.Transform",
)


def check(
    node: Mapping[str, Any], key: str, given: tuple[str, ...] = (), author: Author = USER
) -> None:
    """Bind a node and all nodes below it to what they name.

    Args:
        node: plain data with `_target_`.
        key: where it stands in the configuration, for messages.
        given: arguments that the caller adds as facts when it builds the node.
        author: who says so.

    Raises:
        ConfigError: an interpolation (the builder would resolve it, and build unseen what it
            names); a target that is not allowed or not there, or stands where no part is built; a
            wrong, missing or ill-typed argument.
    """
    try:
        for path, text in _texts(node, key):
            if "${" in text:
                raise ConfigError(
                    f"{path}={text[:80]!r}: unresolved interpolation; give the value itself"
                )
        target = locate(node["_target_"], key, author)
        if node.get("_partial_", False) and key not in _COMPLETED:
            raise ConfigError(f"{key}._partial_: not allowed here; leave it out")
        _bind(node, target, key, given)
        _check_parts(node, target, key, author)
    except RecursionError:
        raise ConfigError(f"{key}: nested too deeply, or within itself") from None


def _check_parts(node: Mapping[str, Any], target: Any, key: str, author: Author) -> None:
    """Check the nodes inside a node; an argument must be declared to take what they build."""
    for name, value in node.items():
        for path, inner in _nodes(value, f"{key}.{name}"):
            kinds = partial(part_kinds, target, name)
            part = locate_part(inner["_target_"], path, kinds, author)
            _bind(inner, part, path, ())
            _check_parts(inner, part, path, author)


def foreign_targets(node: Mapping[str, Any], key: str) -> Iterator[tuple[str, str]]:
    """Yield what a node and those inside it name that may be of a plugin alone: key and target."""
    if is_foreign(node.get("_target_")):
        yield key, node["_target_"]
    for name, value in node.items():
        for path, inner in _nodes(value, f"{key}.{name}"):
            yield from foreign_targets(inner, path)


def _nodes(value: Any, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the outermost nodes of a value."""
    if isinstance(value, Mapping):
        if "_target_" in value:
            yield key, value
            return
        for name, inner in value.items():
            yield from _nodes(inner, f"{key}.{name}")
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            yield from _nodes(inner, f"{key}[{position}]")


def _texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    """Yield every string at any depth, keys included, with its place."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield key, str(name)
            yield from _texts(inner, f"{key}.{name}")
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            yield from _texts(inner, f"{key}[{position}]")


def _bind(node: Mapping[str, Any], target: Any, key: str, given: tuple[str, ...]) -> None:
    refused = [name for name in _REFUSED_KEYS if name in node]
    if refused:
        raise ConfigError(f"{key}.{refused[0]}: not allowed here; name the arguments one by one")
    if not isinstance(node.get("_partial_", False), bool):
        raise ConfigError(f"{key}._partial_={node['_partial_']!r}; allowed: true, false")
    parameters = inspect.signature(target).parameters
    arguments = {name: value for name, value in node.items() if name not in _HYDRA_KEYS}
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    names = [
        name
        for name, p in parameters.items()
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    lacking = [] if open_ended else sorted(set(given) - set(parameters))
    if lacking:
        raise ConfigError(
            f"{key}._target_={node['_target_']}: not allowed; lacks the argument "
            f"{', '.join(lacking)}, which it is built with here"
        )
    allowed = sorted(set(names) - set(given))
    for name, value in arguments.items():
        if name in given or (name not in allowed and follows(key, name) and not open_ended):
            raise ConfigError(f"{key}.{name}: {FOLLOWS}")
        if name not in parameters and not open_ended:
            further = nearest(name, allowed) or hint(f"{key}.{name}", ())
            raise ConfigError(
                f"{key}.{name}: {node['_target_']} takes no such argument\n"
                f"  allowed: {', '.join(allowed) or 'none'}{further}"
            )
        check_type(target, name, value, key)
    if not node.get("_partial_", False):
        _require(parameters, {*arguments, *given}, key)


def _require(parameters: Mapping[str, inspect.Parameter], present: set[str], key: str) -> None:
    for name, parameter in parameters.items():
        optional = parameter.default is not parameter.empty or parameter.kind in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        )
        if not optional and name not in present:
            raise ConfigError(f"{key}.{name}: missing; give {key}.{name}=...")


def _constructor(target: Any) -> Any:
    target = target.func if isinstance(target, partial) else target
    return target.__init__ if isinstance(target, type) else target  # type: ignore[misc]


def check_type(target: Any, name: str, value: Any, key: str) -> None:
    """Check a plain value against an argument's annotation, where pydantic understands that.

    Args:
        target: class or function that takes the argument.
        name: of the argument.
        value: plain data.
        key: where `target` stands in the configuration, for messages.

    Raises:
        ConfigError: the value is of another type; a word is no number and no truth value.
    """
    if any(True for _ in _nodes(value, name)):
        return
    try:
        hints = typing.get_type_hints(_constructor(target), include_extras=True)
        adapter = TypeAdapter(hints[name], config=ConfigDict(arbitrary_types_allowed=True))
    except (KeyError, NameError, TypeError, PydanticUserError, PydanticSchemaGenerationError):
        return
    try:
        taken = adapter.validate_python(value)
        if isinstance(value, str) and isinstance(taken, bool | int | float):
            raise ConfigError(f"{key}.{name}={value!r}: is a word; give {taken!r} if that is meant")
    except ValidationError as error:
        reasons = sorted({reason(detail) for detail in error.errors()})
        typed = [each for each in reasons if "an instance of" not in each]  # by a command line
        reasons = typed or reasons
        raise ConfigError(f"{key}.{name}={value!r}: {'; or '.join(reasons)}") from None


def part_kinds(target: Any, name: str) -> tuple[type, ...]:
    """Return the classes of the parts that an argument takes, alone, listed or as partials."""
    home = str(getattr(target, "__module__", ""))
    if home.startswith(("albumentations.", "torchvision.")):  # they declare callables, if at all
        return _transforms() if name in _COMPOSED else ()
    try:
        hints = typing.get_type_hints(_constructor(target))
    except (NameError, TypeError):
        return ()
    hints.pop("return", None)
    if hints.get(name) == Sequence[Any]:  # transforms of either library
        return _transforms()
    return tuple(_classes_in(hints.get(name)))


def _transforms() -> tuple[type, ...]:
    """Return the base classes of transforms, of the libraries that are imported."""
    return tuple(named(kind) for kind in _TRANSFORMS if kind.partition(".")[0] in sys.modules)


def _classes_in(hint: Any) -> Iterator[type]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, type) and origin is None:
        if hint.__module__ not in ("builtins", "pathlib", "typing"):
            yield hint
        return
    for argument in arguments[-1:] if origin is Callable else arguments:
        yield from _classes_in(argument)
