"""Allow-list of `_target_`: what each key may name, by registry, by module and by class."""

import re
import shlex
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from typing import Any

from seg.config.conf_dir import conf_dir
from seg.config.former_names import present_name
from seg.config.plugins import VARIABLE, is_foreign, plugin_of, plugins
from seg.errors import ConfigError, error_summary, first_of

_TRANSFORMS = ("seg.data", "albumentations", "torchvision.transforms.v2")
_MODULE = ("torch.nn.Module",)
_LIGHTNING = "pytorch_lightning"


@dataclass(frozen=True)
class Rule:
    """Rule for the targets under a key.

    Attributes:
        rooms: modules, with those below, in which a target is defined and by which it is named.
        kinds: a target is a subclass of one of these; empty: the rooms decide alone.
        parts: rooms of the nodes inside; empty: none is built inside.
    """

    rooms: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


_EXTRA_LOSS = Rule(
    ("seg.distillation",),
    ("seg.distillation.extra_loss.ExtraLoss",),
    ("seg.distillation", *_TRANSFORMS),
)
_RULES = {
    "dataset": Rule(("seg.data",)),
    "augmentation": Rule(("seg.data.transforms.pipeline",), parts=_TRANSFORMS),
    "encoder": Rule(("seg.models.encoders",), _MODULE),
    "decoder": Rule(("seg.models.decoders",), _MODULE),
    "sampler": Rule(("seg.data.loading.samplers",)),
    "loss": Rule(("seg.losses",), _MODULE, ("seg.losses",)),
    "distillation": _EXTRA_LOSS,
    "semi_supervised": _EXTRA_LOSS,
    "aux_head": Rule(("seg.models.auxiliary",), _MODULE),
    "optimizer": Rule(("seg.optim", "torch.optim", "timm.optim"), ("torch.optim.Optimizer",)),
    "scheduler": Rule(("seg.optim.schedules",)),
    "param_groups": Rule(("seg.optim.groups",)),
    "batch_norm": Rule(("seg.models.batch_norm",)),
    "trainer": Rule((f"{_LIGHTNING}.trainer",), (f"{_LIGHTNING}.Trainer",)),
    "inference": Rule(("seg.inference.inference",)),
    "classification_dataset": Rule(("seg.data.classification",)),
    "classification_augmentation": Rule(
        ("seg.data.classification.augmentation",), parts=_TRANSFORMS
    ),
    "mixup": Rule(("seg.data.classification.mixing",)),
    "head": Rule(("seg.models.classifier",), _MODULE),
    "callbacks": Rule(
        ("seg.training.callbacks", f"{_LIGHTNING}.callbacks"), (f"{_LIGHTNING}.Callback",)
    ),
    "logger": Rule(
        ("seg.training.loggers", f"{_LIGHTNING}.loggers"),
        (f"{_LIGHTNING}.loggers.Logger",),
    ),
}
_GROUPS_OF_NODES = ("callbacks", "logger")
# What may be known by its kind alone when a file names it: to build it writes and fetches nothing.
_HARMLESS = ("encoder", "decoder", "loss", "aux_head", "optimizer", "head")


def rule_of(key: str) -> Rule:
    """Return the rule of the section in which a key stands."""
    return _RULES[section_of(key)]


def section_of(key: str) -> str:
    """Return the section of a key: `callbacks.gif` and `loss.terms[0]` -> `callbacks`, `loss`."""
    return re.split(r"[.\[]", key, maxsplit=1)[0]


@cache
def registered(section: str) -> frozenset[str]:
    """Return the targets that the options of a group in `conf/` name: its registry."""
    indent = "  " if section in _GROUPS_OF_NODES else ""
    line = re.compile(rf"^{indent}_target_: *(\S+)", re.MULTILINE)
    files = sorted((conf_dir() / section).glob("*.yaml"))
    return frozenset(name for file in files for name in line.findall(file.read_text("utf-8")))


@dataclass(frozen=True)
class Author:
    """Who says what is built.

    Attributes:
        is_user: whether it is the user, not a file that others may have made, such as a
            checkpoint: that names an option of `conf/`, or a network, loss or optimizer class.
        plugins: targets of plugins that the user, by naming them, lets the file name.
    """

    is_user: bool = True
    plugins: Collection[str] = ()

    def may_name_plugins(self, path: str) -> bool:
        """Return whether a target may be of a plugin."""
        return self.is_user or path in self.plugins


USER, FILE = Author(), Author(is_user=False)


def locate(path: Any, key: str, author: Author = USER) -> Any:
    """Import what a key names.

    Args:
        path: the `_target_`.
        key: where it stands.
        author: who says so.

    Raises:
        ConfigError: not allowed under this key, or not there.
    """
    path = present_name(path)
    rule, section = rule_of(key), section_of(key)
    if path in registered(section):
        return _imported(path, key)
    rooms = _rooms(rule.rooms, path, key, author)
    from_file = not author.is_user and not is_foreign(path)
    if from_file and section not in _HARMLESS:
        raise not_allowed(path, key, rooms)
    found = _of_rooms(path, key, rooms)
    is_class, kinds = isinstance(found, type), rule.kinds
    is_part = is_class and (not kinds or any(issubclass(found, named(kind)) for kind in kinds))
    is_factory = not is_class and kinds in ((), _MODULE)
    if not (is_part or is_factory) or (from_file and is_factory):
        raise not_allowed(path, key, rooms, kinds)
    return found


def locate_part(
    path: Any, key: str, kinds: Callable[[], tuple[type, ...]], author: Author = USER
) -> Any:
    """Import what a node inside another one names: a class of these kinds, of the rule's rooms.

    Args:
        path: the `_target_`.
        key: where it stands.
        kinds: gives what the argument there is declared to take; nothing: plain values.
        author: who says so.

    Raises:
        ConfigError: not allowed under this key, or not there.
    """
    path = present_name(path)
    parts = rule_of(key).parts
    if not parts:
        raise ConfigError(f"{key}._target_={path}: not allowed; {section_of(key)} has no parts")
    found = _of_rooms(path, key, _rooms(parts, path, key, author))
    allowed = kinds()
    if not (allowed and isinstance(found, type) and issubclass(found, allowed)):
        names = ", ".join(sorted({kind.__name__ for kind in allowed})) or "plain values"
        raise ConfigError(f"{key}._target_={path}: not allowed; this key takes {names}")
    return found


def named(path: str) -> Any:
    """Import a class or function whose dotted path comes from this project."""
    module_name, _, attribute = path.rpartition(".")
    return getattr(import_module(module_name), attribute)


def not_allowed(
    path: Any, key: str, rooms: tuple[str, ...], kinds: tuple[str, ...] = ()
) -> ConfigError:
    """Return the error for a target that the key may not name."""
    section = section_of(key)
    if kinds and is_foreign(path):
        return ConfigError(f"{key}._target_={path}: not allowed; is no {' or '.join(kinds)}")
    several = f"one of {first_of(sorted(registered(section)), 4)}"
    return ConfigError(
        f"{key}._target_={path}: not allowed; the options of conf/{section} name {several}\n"
        f"  a target lies in {' or '.join(rooms)}, and is public"
    )


def of_plugins(targets: Mapping[str, str], author: Author) -> ConfigError:
    """Return the error for what a file names outside seg.

    Args:
        targets: by their key.
        author: says so.
    """
    absent = {path.partition(".")[0] for path in targets.values() if plugin_of(path) is None}
    way = f"install it or set {VARIABLE}={','.join(sorted(absent))}, and " if absent else ""
    names = ",".join(dict.fromkeys([*author.plugins, *targets.values()]))
    listed = ", ".join(f"{key}._target_={path}" for key, path in targets.items())
    return ConfigError(
        f"{listed}: not allowed; is no part of seg, and a file that others may have made cannot "
        f"choose it\n  if the file and the plugin are yours, {way}give "
        f"{shlex.quote(f'plugins=[{names}]')}"
    )


def _rooms(rooms: tuple[str, ...], path: Any, key: str, author: Author) -> tuple[str, ...]:
    """Return the rooms of a rule, and the plugins where this author may name them.

    Raises:
        ConfigError: a file names what a user alone may.
    """
    if author.may_name_plugins(path):
        return (*rooms, *(each.name for each in plugins()))
    if not is_foreign(path):
        return rooms
    raise of_plugins({key: path}, author)


def _of_rooms(path: Any, key: str, rooms: tuple[str, ...]) -> Any:
    """Import a public target of `rooms`; anything else is refused before or after the import."""
    inside = isinstance(path, str) and path.startswith(tuple(f"{room}." for room in rooms))
    if not inside or _is_private(path):
        raise not_allowed(path, key, rooms)
    found = _imported(path, key)
    origin = found.func if isinstance(found, partial) else found
    home = str(getattr(origin, "__module__", None) or "")
    at_home = any(home == room or home.startswith(f"{room}.") for room in rooms)
    private = _is_private(f"{home}.{getattr(origin, '__qualname__', '')}", of_seg=True)
    if not callable(found) or not at_home or private:
        raise not_allowed(path, key, rooms)
    return found


def _is_private(path: str, *, of_seg: bool = False) -> bool:
    """Return whether a dotted path is private; `of_seg` excepts private modules of libraries."""
    if of_seg and not path.startswith("seg."):
        return False
    return any(part.startswith("_") or not part for part in path.split("."))


def _imported(path: str, key: str) -> Any:
    try:
        return named(path)
    except Exception as error:
        plugin, module = plugin_of(path), path.rpartition(".")[0]
        lacks = isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}.")
        if plugin is not None and not lacks and module not in sys.modules:
            reason = f"{module} cannot be imported: {type(error).__name__}: {error_summary(error)}"
            raise plugin.error(reason, f"mend it; {key}._target_={path} needs it") from error
        if not isinstance(error, ImportError | AttributeError | ValueError):
            raise
        raise ConfigError(f"{key}._target_={path}: there is no such class or function") from None
