"""Names of pytorch-deeplab-xception (jfzhang95): its aligned Xception, and DeepLabV3+.

For `pytorch_deeplab_xception` with `deeplabv3plus_full`. Blocks are counted from 1 to 20; inside
`rep`, ReLUs count too (the first two blocks begin without). The decoder's names are the same
around its other encoders.
"""

from collections.abc import Collection

from seg.models.weights.key_maps import KeyMap
from seg.models.weights.key_maps.cadene_xception import NumberedBlocks

_PREFIX = "backbone."
_ENCODER = NumberedBlocks(last=20, without_first_relu=(1, 2), module="rectified.")
_MARKS = {"block20.rep.1.conv1.weight", "aspp.aspp1.atrous_conv.weight"}
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
    if not any(name.removeprefix(_PREFIX) in _MARKS for name in names):
        return None
    places = {}
    for name in names:
        layer, _, field = name.rpartition(".")
        if layer in _DECODER:
            places[name] = f"decoder.{_DECODER[layer]}.{field}"
        elif place := _ENCODER.place(name.removeprefix(_PREFIX)):
            places[name] = f"encoder.{place}"
    return places


KEY_MAP = KeyMap("pytorch-deeplab-xception (jfzhang95)", _rename)
