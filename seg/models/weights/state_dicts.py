"""The network's tensors in a training script's file: unwrapped, raw and averaged."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from seg.errors import DataError
from seg.models.weights.digests import nested_tensors

_WRAPPERS = (
    *("state_dict", "model_state", "model_state_dict", "model", "net", "network", "weights"),
    *("params", "module", "shadow"),
)
_PREFIXES = ("module.", "model.", "_orig_mod.", "net.", "network.", "student.", "online_model.")
_AVERAGED = {"ema", "swa", "averaged", "averages", "shadow"}
_IN_TRAINING = "current_model_state"  # beside averages, in files of Lightning's WeightAveraging

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class StateDicts:
    """Tensors of one network, raw or averaged or both.

    Attributes:
        tensors: of the network, without prefixes that all of them share.
        averages: moving averages of the same, where `tensors` are training weights.
        in_training: training weights, where `tensors` are moving averages.
    """

    tensors: Tensors
    averages: Tensors = field(default_factory=dict)
    in_training: Tensors = field(default_factory=dict)


def find_state_dicts(content: Mapping[str, Any], path: Path) -> StateDicts:
    """Find the network's tensors in a training script's file.

    Raises:
        DataError: no tensors in it; the message lists its keys.
    """
    tensors, averages = _opened(content)
    if not tensors:
        keys = ", ".join(map(str, list(content)[:8])) or "nothing"
        raise DataError(f"{path}: holds no named tensors, but {keys}")
    inner = content.get(_IN_TRAINING)
    if not averages and isinstance(inner, Mapping):
        return StateDicts(_stripped(tensors), in_training=_stripped(_opened(inner)[0]))
    return StateDicts(_stripped(tensors), _stripped(averages))


def _opened(content: Mapping[str, Any]) -> tuple[Tensors, Tensors]:
    """Return weights and their averages, if there are both; averages alone are weights."""
    inner = {
        key: value
        for key, value in content.items()
        if isinstance(value, Mapping) and any(True for _ in nested_tensors(value))
    }
    averaged = (_opened(value)[0] for key, value in inner.items() if _is_averaged(str(key)))
    averages = next(filter(None, averaged), {})
    wrapper = next((key for key in _WRAPPERS if key in inner), None)
    if wrapper is not None:
        tensors, averages_inside = _opened(inner[wrapper])
    else:
        named = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
        averages_inside = {  # below a name such as `ema_model`; `n_averaged` alone is a counter
            name: value for name, value in named.items() if "." in name and _is_averaged(_top(name))
        }
        tensors = {name: value for name, value in named.items() if name not in averages_inside}
    averages = averages or averages_inside
    if 2 * len(tensors) < len(averages):  # a counter or two, beside the averages
        return averages, {}
    return tensors, averages


def _is_averaged(key: str) -> bool:
    return bool(_AVERAGED & set(re.split(r"[^a-z]+", key.lower())))


def _top(name: str) -> str:
    return name.partition(".")[0]


def _stripped(tensors: Tensors) -> Tensors:
    """Remove prefixes that most tensors share; the few others keep their names."""
    while prefix := _common_prefix(tensors):
        inside = {
            name.removeprefix(prefix): value
            for name, value in tensors.items()
            if name.startswith(prefix)
        }
        tensors = {name: value for name, value in tensors.items() if not name.startswith(prefix)}
        tensors = {**tensors, **inside}
    return tensors


def _common_prefix(tensors: Tensors) -> str | None:
    if not tensors:
        return None
    top, count = Counter(map(_top, tensors)).most_common(1)[0]
    prefix = f"{top}."
    inner = {_top(name.removeprefix(prefix)) for name in tensors if name.startswith(prefix)}
    is_wrapper = prefix in _PREFIXES or _is_averaged(top) or "encoder" in inner
    return prefix if inner and is_wrapper and 2 * count > len(tensors) else None
