"""Names of DeepLabV3Plus-Pytorch (VainF): its DeepLabV3 and DeepLabV3+ classifiers.

For `deeplabv3plus_full`, whose docstring lists the options. The encoder's tensors (`backbone.`)
have torchvision's names, or Cadene's for Xception, which other readings place. Its ResNets dilate
as timm's do, not as smp's: `encoder=timm encoder.name=resnet50` gives its numbers. Classifiers made
with `--separable_conv` have no place here: the loader names what it misses. Images were normalized
by the mean and deviation of ImageNet.

The project's Xception is not rebuilt, and no checkpoint of it was published. Its encoder stops
short of the last norm and ReLU; the last two convolutions pad by 1 under a dilation of 2 or 4,
which takes 4 or 12 pixels off height and width of the map; a block without its stride also loses
its max pool and dilates at once; the low-level map is the output of block 1 (128 channels). With
`strict=false` its encoder loads into `xception` (`pool_padding="symmetric", norm_eps=1e-5`): all
but the last norm, and equal in numbers up to the first block without stride.
"""

from collections.abc import Collection

from seg.models.weights.key_maps import KeyMap

_PYRAMID = {
    "convs.0.0": "aspp.pointwise.conv",
    "convs.0.1": "aspp.pointwise.norm",
    **{f"convs.{i + 1}.0": f"aspp.atrous.{i}.conv" for i in range(3)},
    **{f"convs.{i + 1}.1": f"aspp.atrous.{i}.norm" for i in range(3)},
    "convs.4.1": "aspp.image_pooling.project.conv",
    "convs.4.2": "aspp.image_pooling.project.norm",
    "project.0": "aspp.projection.conv",
    "project.1": "aspp.projection.norm",
}
_DEEPLABV3PLUS = {
    **{f"classifier.aspp.{theirs}": ours for theirs, ours in _PYRAMID.items()},
    "classifier.project.0": "low_level.conv",
    "classifier.project.1": "low_level.norm",
    "classifier.classifier.0": "fuse.0.conv",
    "classifier.classifier.1": "fuse.0.norm",
    "classifier.classifier.3": "logits",
}
_DEEPLABV3 = {
    **{f"classifier.classifier.0.{theirs}": ours for theirs, ours in _PYRAMID.items()},
    "classifier.classifier.1": "fuse.0.conv",
    "classifier.classifier.2": "fuse.0.norm",
    "classifier.classifier.4": "logits",
}


def _rename(names: Collection[str]) -> dict[str, str] | None:
    if "classifier.aspp.convs.0.0.weight" in names:
        places = _DEEPLABV3PLUS
    elif "classifier.classifier.0.convs.0.0.weight" in names:
        places = _DEEPLABV3
    else:
        return None
    split = {name: name.rpartition(".") for name in names}
    return {
        name: f"decoder.{places[layer]}.{field}"
        for name, (layer, _, field) in split.items()
        if layer in places
    }


KEY_MAP = KeyMap("DeepLabV3Plus-Pytorch (VainF)", _rename)
