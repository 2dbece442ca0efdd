"""Key maps: names that other PyTorch projects give to our tensors, one file a project.

A new one is a file in this package that declares a `KEY_MAP`; `translate` takes the one that fits
best.
"""

import importlib
import pkgutil
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

# prefixes of an encoder in other projects; `encoder.model.` and `encoder.model.body.` are smp's
# around timm
_ENCODER_PREFIXES = (
    *("", "encoder.", "backbone.", "body.", "encoder.body."),
    *("encoder.model.", "encoder.model.body."),
)
_OURS = ("our own names", "")
_WRAPPED = ("the wrapped library's own names", "body.")
# smp: decoder and last layer side by side; ours: both in the decoder
_SMP_HEADS = ("decoder.", "segmentation_head.")


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


def translate(names: Collection[str], targets: Collection[str]) -> tuple[dict[str, str], str]:
    """Return our name for each name of a file, and the description of the key map.

    The reading with most places wins; a second may place what the first left outside the encoder.
    Names without a place keep what the first calls them, so that they are reported.

    Args:
        names: of the file.
        targets: of the module, `encoder.`, `decoder.`, `linear.`.
    """
    encoder = frozenset(name for name in targets if name.startswith("encoder."))
    others = frozenset(targets) - encoder
    description, best = max(_readings(names), key=lambda reading: _hits(reading[1], encoder))
    chosen = {name: ours for name, ours in best.items() if ours in encoder}
    rest = [name for name in names if name not in chosen]
    second = max(
        (best, *(reading for _, reading in _readings(rest))), key=lambda r: _hits(r, others)
    )
    chosen |= {name: ours for name, ours in second.items() if ours in others}
    return {name: chosen.get(name, best.get(name, name)) for name in names}, description


def _hits(reading: Mapping[str, str], places: frozenset[str]) -> int:
    return len(places & set(reading.values()))


def _readings(names: Collection[str]) -> Iterator[tuple[str, dict[str, str]]]:
    yield _OURS[0], {name: name for name in names}
    yield "smp", {n: f"decoder.{n}" if n.startswith(_SMP_HEADS) else n for n in names}
    for prefix in _ENCODER_PREFIXES:
        inside = {name.removeprefix(prefix): name for name in names if name.startswith(prefix)}
        for description, ours in (_OURS, _WRAPPED):
            yield description, {name: f"encoder.{ours}{inner}" for inner, name in inside.items()}
        for key_map in _key_maps():
            renamed = key_map.rename(inside)
            if renamed is not None:
                yield key_map.description, {inside[key]: ours for key, ours in renamed.items()}


@cache
def _key_maps() -> tuple[KeyMap, ...]:
    modules = (
        importlib.import_module(f"{__name__}.{module.name}")
        for module in pkgutil.iter_modules(__path__)
    )
    return tuple(module.KEY_MAP for module in modules if hasattr(module, "KEY_MAP"))
