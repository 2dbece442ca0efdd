"""Holds every `_target_` against an allow-list and its signature before anything is built."""

import inspect
import typing
from collections.abc import Iterator, Mapping
from functools import partial
from importlib import import_module
from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from seg.config.schema import nearest
from seg.errors import ConfigError

# Prefix of the defining module -> classes of which what lies below must be one (none: anything).
# `seg` lists rooms, not itself: commands and the config's own machinery are not for building.
_ALLOWED: dict[str, tuple[str, ...]] = {
    "seg.data": (),
    "seg.models": (),
    "seg.losses": (),
    "seg.inference.inference": ("seg.inference.inference.Inference",),
    "seg.metrics": (),
    "seg.optim": (),
    "seg.teaching": (),
    "seg.callbacks": (),
    "seg.loggers": ("pytorch_lightning.loggers.Logger",),
    "seg.outputs.curve": ("pytorch_lightning.loggers.Logger",),
    "seg.outputs.learning_gif": ("pytorch_lightning.Callback",),
    "seg.outputs.logged_pictures": ("pytorch_lightning.Callback",),
    "torch.optim": ("torch.optim.Optimizer",),
    "timm.optim": ("torch.optim.Optimizer",),
    "albumentations": ("albumentations.BasicTransform", "albumentations.BaseCompose"),
    "torchvision.transforms.v2": ("torchvision.transforms.v2.Transform",),
    "pytorch_lightning.trainer": ("pytorch_lightning.Trainer",),
    "pytorch_lightning.callbacks": ("pytorch_lightning.Callback",),
    "pytorch_lightning.loggers": ("pytorch_lightning.loggers.Logger",),
}
_HYDRA_KEYS = ("_target_", "_partial_", "_args_", "_recursive_", "_convert_")
_REFUSED_KEYS = ("_args_", "_recursive_", "_convert_")


def check(node: Mapping[str, Any], key: str, given: tuple[str, ...] = ()) -> None:
    """Bind a node and all nodes below it to what they name.

    Args:
        node: plain data with `_target_`.
        key: where it stands in the configuration, for messages.
        given: arguments that the caller adds as facts when it builds the node.

    Raises:
        ConfigError: an interpolation (the builder would resolve it, and build unseen what it
            names); a target that is not allowed or not there; a wrong, missing or ill-typed
            argument.
    """
    for path, text in _texts(node, key):
        if "${" in text:
            raise ConfigError(
                f"{path}={text[:80]!r}: unresolved interpolation; give the value itself"
            )
    for path, inner in _nodes(node, key):
        _bind(inner, path, given if path == key else ())


def _nodes(value: Any, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, Mapping):
        if "_target_" in value:
            yield key, value
        for name, inner in value.items():
            yield from _nodes(inner, f"{key}.{name}")
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            yield from _nodes(inner, f"{key}[{position}]")


def _texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    """Every string at any depth, keys included, with where it stands."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield key, str(name)
            yield from _texts(inner, f"{key}.{name}")
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            yield from _texts(inner, f"{key}[{position}]")


def _bind(node: Mapping[str, Any], key: str, given: tuple[str, ...]) -> None:
    refused = [name for name in _REFUSED_KEYS if name in node]
    if refused:
        raise ConfigError(f"{key}.{refused[0]}: not allowed here; name the arguments one by one")
    target = _locate(node["_target_"], key)
    parameters = inspect.signature(target).parameters
    arguments = {name: value for name, value in node.items() if name not in _HYDRA_KEYS}
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    named = [
        name
        for name, p in parameters.items()
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    allowed = sorted(set(named) - set(given))
    for name, value in arguments.items():
        if name in given:
            raise ConfigError(f"{key}.{name}: follows from the other choices; leave it out")
        if name not in parameters and not open_ended:
            raise ConfigError(
                f"{key}.{name}: {node['_target_']} takes no such argument\n"
                f"  allowed: {', '.join(allowed)}{nearest(name, allowed)}"
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


def _locate(path: str, key: str) -> Any:
    """Import `path`, held against the allow-list by where the object is really defined."""
    if not any(
        path == prefix or path.startswith(prefix.split(".")[0] + ".") for prefix in _ALLOWED
    ):
        raise _not_allowed(path, key)
    module_name, _, attribute = path.rpartition(".")
    try:
        found = getattr(import_module(module_name), attribute)
    except (ImportError, AttributeError):
        raise ConfigError(f"{key}._target_={path}: there is no such class or function") from None
    home = getattr(found, "__module__", None) or ""
    for prefix, required in _ALLOWED.items():
        if home == prefix or home.startswith(prefix + "."):
            kinds = tuple(_import(name) for name in required)
            if callable(found) and (
                not kinds or (isinstance(found, type) and issubclass(found, kinds))
            ):
                return found
    raise _not_allowed(path, key)


def _import(path: str) -> type:
    module_name, _, attribute = path.rpartition(".")
    return typing.cast(type, getattr(import_module(module_name), attribute))


def _not_allowed(path: str, key: str) -> ConfigError:
    return ConfigError(
        f"{key}._target_={path}: not allowed; a target lies in one of {', '.join(_ALLOWED)}"
    )


def _constructor(target: Any) -> Any:
    target = target.func if isinstance(target, partial) else target
    return target.__init__ if isinstance(target, type) else target  # type: ignore[misc]


def check_type(target: Any, name: str, value: Any, key: str) -> None:
    """Hold a plain value against an argument's annotation, where pydantic understands that.

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
        hints = typing.get_type_hints(_constructor(target))
        adapter = TypeAdapter(hints[name], config=ConfigDict(arbitrary_types_allowed=True))
    except (KeyError, NameError, TypeError, PydanticUserError, PydanticSchemaGenerationError):
        return
    try:
        taken = adapter.validate_python(value)
        if isinstance(value, str) and isinstance(taken, bool | int | float):
            raise ConfigError(f"{key}.{name}={value!r}: is a word; give {taken!r} if that is meant")
    except ValidationError as error:
        reasons = sorted(
            {detail["msg"][0].lower() + detail["msg"][1:] for detail in error.errors()}
        )
        raise ConfigError(f"{key}.{name}={value!r}: {'; or '.join(reasons)}") from None
