"""Names of the PyTorch port of Chollet's Xception: Cadene's, timm's `legacy_xception`, smp's.

Blocks are counted from 1 to 12; inside `rep`, ReLUs count too (the first block begins without).
"""

import re
from collections.abc import Collection

from seg.models.weights.key_maps import KeyMap

_FIRST = "block1.rep.0.conv1.weight"
# a thirteenth block: one of the aligned networks that grew out of this port
_FOREIGN = "block13.rep.1.conv1.weight"
_REP_LAYERS = 3
_ROOT = re.compile(r"(conv|bn)([12])\.(\w+)")
_LAST = re.compile(r"(conv|bn)([34])\.(.+)")
_INNER = re.compile(r"block(\d+)\.(rep\.(\d+)|skip|skipbn)\.(.+)")
_HEAD = re.compile(r"(?:fc|last_linear)\.(weight|bias)")
_SEPARABLE = {"conv1.weight": "depthwise.conv.weight", "pointwise.weight": "pointwise.conv.weight"}


def _rename(names: Collection[str]) -> dict[str, str] | None:
    if _FIRST not in names or _FOREIGN in names:
        return None
    return {name: place for name in names if (place := _place(name)) is not None}


def _place(name: str) -> str | None:
    if head := _HEAD.fullmatch(name):
        return f"linear.{head[1]}"
    if root := _ROOT.fullmatch(name):
        layer = "conv" if root[1] == "conv" else "norm"
        return f"encoder.stem.{int(root[2]) - 1}.{layer}.{root[3]}"
    if last := _LAST.fullmatch(name):
        return _separable("exit.1", int(last[2]) - 3, last[1] == "bn", last[3])
    if inner := _INNER.fullmatch(name):
        block, rest = int(inner[1]), inner[4]
        if inner[3] is None:
            layer = "conv" if inner[2] == "skip" else "norm"
            return f"encoder.{_block(block)}.skip.{layer}.{rest}"
        position = int(inner[3]) + (block == 1)
        index, kind = divmod(position, _REP_LAYERS)
        return _separable(_block(block), index, kind == _REP_LAYERS - 1, rest)
    return None


def _block(number: int) -> str:
    if number <= 3:
        return f"entry.{number - 1}"
    return "exit.0" if number == 12 else f"middle.{number - 4}"


def _separable(block: str, index: int, is_norm: bool, rest: str) -> str | None:
    layer = f"pointwise.norm.{rest}" if is_norm else _SEPARABLE.get(rest)
    return layer and f"encoder.{block}.convs.{index}.{layer}"


KEY_MAP = KeyMap("Cadene's xception, timm's legacy_xception, smp's xception", _rename)
