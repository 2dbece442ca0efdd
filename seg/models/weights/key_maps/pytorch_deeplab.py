"""Names of pytorch-deeplab-xception (jfzhang95): its aligned Xception, and DeepLabV3+.

For `pytorch_deeplab_xception` with `deeplabv3plus_full`. Blocks are counted from 1 to 20; inside
`rep`, ReLUs count too (the first two blocks begin without). The decoder's names are the same
around its other encoders.
"""

import re
from collections.abc import Collection

from seg.models.weights.key_maps import KeyMap

_ENCODER = "backbone."
_MARKS = {"block20.rep.1.conv1.weight", "aspp.aspp1.atrous_conv.weight"}
_REP_LAYERS = 3
_WITHOUT_FIRST_RELU = (1, 2)
_ENTRY_BLOCKS = 3
_LAST_BLOCK = 20
_ROOT = re.compile(r"(conv|bn)([12])\.(\w+)")
_LAST = re.compile(r"(conv|bn)([345])\.(.+)")
_INNER = re.compile(r"block(\d+)\.(rep\.(\d+)|skip|skipbn)\.(.+)")
_LAYERS = {"conv": "conv", "bn": "norm", "skip": "conv", "skipbn": "norm"}
_SEPARABLE = {"conv1": "depthwise.conv", "bn": "depthwise.norm", "pointwise": "pointwise.conv"}
_DECODER = {
    "aspp.aspp1.atrous_conv": "aspp.pointwise.conv",
    "aspp.aspp1.bn": "aspp.pointwise.norm",
    **{f"aspp.aspp{i + 2}.atrous_conv": f"aspp.atrous.{i}.conv" for i in range(3)},
    **{f"aspp.aspp{i + 2}.bn": f"aspp.atrous.{i}.norm" for i in range(3)},
    "aspp.global_avg_pool.1": "aspp.image_pooling.project.conv",
    "aspp.global_avg_pool.2": "aspp.image_pooling.project.norm",
    "aspp.conv1": "aspp.projection.conv",
    "aspp.bn1": "aspp.projection.norm",
    "decoder.conv1": "low_level.conv",
    "decoder.bn1": "low_level.norm",
    "decoder.last_conv.0": "fuse.0.conv",
    "decoder.last_conv.1": "fuse.0.norm",
    "decoder.last_conv.4": "fuse.1.conv",
    "decoder.last_conv.5": "fuse.1.norm",
    "decoder.last_conv.8": "logits",
}


def _rename(names: Collection[str]) -> dict[str, str] | None:
    if not any(name.removeprefix(_ENCODER) in _MARKS for name in names):
        return None
    return {name: place for name in names if (place := _place(name)) is not None}


def _place(name: str) -> str | None:
    layer, _, field = name.rpartition(".")
    if layer in _DECODER:
        return f"decoder.{_DECODER[layer]}.{field}"
    inner = _encoder_place(name.removeprefix(_ENCODER))
    return inner and f"encoder.{inner}"


def _encoder_place(name: str) -> str | None:
    if root := _ROOT.fullmatch(name):
        return f"stem.{int(root[2]) - 1}.{_LAYERS[root[1]]}.{root[3]}"
    if last := _LAST.fullmatch(name):
        return _separable("exit.1", int(last[2]) - 3, last[1] == "bn", last[3])
    if inner := _INNER.fullmatch(name):
        number, rest = int(inner[1]), inner[4]
        if inner[3] is None:
            return f"{_block(number)}.rectified.skip.{_LAYERS[inner[2]]}.{rest}"
        position = int(inner[3]) + (number in _WITHOUT_FIRST_RELU)
        index, kind = divmod(position, _REP_LAYERS)
        return _separable(_block(number), index, kind == _REP_LAYERS - 1, rest)
    return None


def _block(number: int) -> str:
    if number <= _ENTRY_BLOCKS:
        return f"entry.{number - 1}"
    return "exit.0" if number == _LAST_BLOCK else f"middle.{number - _ENTRY_BLOCKS - 1}"


def _separable(block: str, index: int, is_norm: bool, rest: str) -> str | None:
    if is_norm:
        return f"{block}.rectified.convs.{index}.pointwise.norm.{rest}"
    part, _, field = rest.partition(".")
    layer = _SEPARABLE.get(part)
    return layer and f"{block}.rectified.convs.{index}.{layer}.{field}"


KEY_MAP = KeyMap("pytorch-deeplab-xception (jfzhang95)", _rename)
