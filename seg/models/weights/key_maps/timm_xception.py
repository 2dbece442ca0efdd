"""Names of timm's Aligned Xceptions: `xception41`, `65`, `71`, `41p` and `65p`.

Its `features_only` models write the same names with `stem_0` and `blocks_0` for `stem.0` and
`blocks.0`.
"""

import re
from collections.abc import Collection

from seg.models.weights.key_maps import KeyMap

_PLACED = re.compile(r"(stem|blocks)[._](\d+)\.(.+)")
_SEPARABLE = re.compile(r"stack\.conv(\d)\.(.+)")
_MARK = "stack.conv1.conv_dw.weight"
_HEAD = {"head.fc.weight", "head.fc.bias"}
_EXIT_BLOCKS = 2
# number of all blocks -> number of entry blocks (41, 65 and 71 layers)
_ENTRY_BLOCKS = {13: 3, 21: 3, 23: 5}
_LAYERS = {
    "conv_dw": "depthwise.conv",
    "bn_dw": "depthwise.norm",
    "conv_pw": "pointwise.conv",
    "bn_pw": "pointwise.norm",
}


def _rename(names: Collection[str]) -> dict[str, str] | None:
    placed = {name: match for name in names if (match := _PLACED.fullmatch(name))}
    block_count = sum(match[3] == _MARK for match in placed.values())
    if block_count not in _ENTRY_BLOCKS:
        return None
    renamed = {name: name.replace("head.fc", "linear") for name in _HEAD & set(names)}
    for name, (part, number, rest) in ((name, match.groups()) for name, match in placed.items()):
        if (ours := _layer(part, rest)) is not None:
            place = _place(int(number), block_count) if part == "blocks" else f"stem.{number}"
            renamed[name] = f"encoder.{place}.{ours}"
    return renamed


def _place(block: int, block_count: int) -> str:
    entry = _ENTRY_BLOCKS[block_count]
    exit_start = block_count - _EXIT_BLOCKS
    if block < entry:
        return f"entry.{block}"
    return f"middle.{block - entry}" if block < exit_start else f"exit.{block - exit_start}"


def _layer(part: str, name: str) -> str | None:
    """Return our name inside a stem convolution or a block; None if there is none."""
    name, _, field = name.rpartition(".")
    if part == "stem":
        # the second stem convolution of the pre-activation variants stands alone
        layer = {"conv": "conv", "bn": "norm", "": "conv"}.get(name)
        return layer and f"{layer}.{field}"
    if separable := _SEPARABLE.fullmatch(name):
        index = int(separable[1]) - 1
        if separable[2] == "norm":
            return f"norms.{index}.{field}"
        layer = _LAYERS.get(separable[2])
        return layer and f"convs.{index}.{layer}.{field}"
    outside = {
        "norm": "norms.0",
        "shortcut.conv": "skip.conv",
        "shortcut.bn": "skip.norm",
        "shortcut": "skip.conv",
    }
    return f"{outside[name]}.{field}" if name in outside else None


KEY_MAP = KeyMap("timm's Aligned Xceptions (xception41, 65, 71, 41p, 65p)", _rename)
