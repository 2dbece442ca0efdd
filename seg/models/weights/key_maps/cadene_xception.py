"""Names of the PyTorch port of Chollet's Xception: Cadene's, timm's `legacy_xception`, smp's.

Aligned networks grew out of this port, and kept how it numbers layers: `NumberedBlocks`.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from seg.models.weights.key_maps import KeyMap

_FIRST = "block1.rep.0.conv1.weight"
# a thirteenth block: one of the aligned networks that grew out of this port
_FOREIGN = "block13.rep.1.conv1.weight"
_HEAD = re.compile(r"(?:fc|last_linear)\.(weight|bias)")
_ROOT = re.compile(r"(conv|bn)([12])\.(\w+)")
_LAST = re.compile(r"(conv|bn)([345])\.(.+)")
_INNER = re.compile(r"block(\d+)\.(rep\.(\d+)|skip|skipbn)\.(.+)")
_LAYERS = {"conv": "conv", "bn": "norm", "skip": "conv", "skipbn": "norm"}
_SEPARABLE = {"conv1": "depthwise.conv", "bn": "depthwise.norm", "pointwise": "pointwise.conv"}
_REP_LAYERS = 3
_ENTRY_BLOCKS = 3


@dataclass(frozen=True)
class NumberedBlocks:
    """Names of an encoder whose blocks count from 1; inside `rep`, ReLUs count too.

    Attributes:
        last: number of the last block; the separable convolutions after it stand alone.
        without_first_relu: numbers of the blocks that begin with a convolution.
        module: prefix of what a block of ours holds.
    """

    last: int
    without_first_relu: tuple[int, ...]
    module: str = ""

    def place(self, name: str) -> str | None:
        """Return our name for a tensor, below `encoder.`; None where it has no place."""
        if root := _ROOT.fullmatch(name):
            return f"stem.{int(root[2]) - 1}.{_LAYERS[root[1]]}.{root[3]}"
        if last := _LAST.fullmatch(name):
            return self._separable("exit.1", int(last[2]) - 3, last[1] == "bn", last[3])
        if inner := _INNER.fullmatch(name):
            number, rest = int(inner[1]), inner[4]
            if inner[3] is None:
                return f"{self._block(number)}.{self.module}skip.{_LAYERS[inner[2]]}.{rest}"
            position = int(inner[3]) + (number in self.without_first_relu)
            index, layer = divmod(position, _REP_LAYERS)
            return self._separable(self._block(number), index, layer == _REP_LAYERS - 1, rest)
        return None

    def _block(self, number: int) -> str:
        if number <= _ENTRY_BLOCKS:
            return f"entry.{number - 1}"
        return "exit.0" if number == self.last else f"middle.{number - _ENTRY_BLOCKS - 1}"

    def _separable(self, block: str, index: int, is_norm: bool, rest: str) -> str | None:
        prefix = f"{block}.{self.module}convs.{index}"
        if is_norm:
            return f"{prefix}.pointwise.norm.{rest}"
        part, _, field = rest.partition(".")
        layer = _SEPARABLE.get(part)
        return layer and f"{prefix}.{layer}.{field}"


_ENCODER = NumberedBlocks(last=12, without_first_relu=(1,))


def _rename(names: Collection[str]) -> dict[str, str] | None:
    if _FIRST not in names or _FOREIGN in names:
        return None
    places = {}
    for name in names:
        if head := _HEAD.fullmatch(name):
            places[name] = f"linear.{head[1]}"
        elif place := _ENCODER.place(name):
            places[name] = f"encoder.{place}"
    return places


KEY_MAP = KeyMap("Cadene's xception, timm's legacy_xception, smp's xception", _rename)
