"""Weights of the TensorFlow DeepLab release: Xception encoders, DeepLabV3+, classifier.

Variable names are those of tensorflow/models, research/deeplab (core/xception.py, model.py).
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.models.interfaces import Normalization
from seg.models.weights.format import Arrays, WeightFile, WeightFormat, convolution, depthwise
from seg.models.weights.tensor_bundle import Bundle

_SUFFIX = re.compile(r"\.(index|data-\d{5}-of-\d{5})$")
_AVERAGE = "/ExponentialMovingAverage"
_SKIPPED = re.compile(
    r"(^|/)global_step$|/(Momentum|RMSProp(_1)?|Adam(_1)?)$"
    r"|^beta[12]_power$|^_CHECKPOINTABLE_OBJECT_GRAPH$"
)
_FIELDS = {
    "weights": "conv.weight",
    "depthwise_weights": "conv.weight",
    "BatchNorm/gamma": "norm.weight",
    "BatchNorm/beta": "norm.bias",
    "BatchNorm/moving_mean": "norm.running_mean",
    "BatchNorm/moving_variance": "norm.running_var",
}
_LAST_LAYERS = {
    "logits/semantic/weights": "decoder.logits.weight",
    "logits/semantic/biases": "decoder.logits.bias",
}
_DECODER = {
    "image_pooling": "aspp.image_pooling.project",
    "aspp0": "aspp.pointwise",
    "concat_projection": "aspp.projection",
    "decoder/feature_projection0": "low_level",
}


def module_name(variable: str) -> str:
    """Return our name for a variable of the checkpoint.

    A variable without a place keeps its own name after `encoder.` or `decoder.`, so that it is
    reported rather than lost.
    """
    if variable in _LAST_LAYERS:
        return _LAST_LAYERS[variable]
    encoder = re.match(r"xception_\d+/(.*)", variable)
    if encoder is None:
        return f"decoder.{_layer_name(variable, _decoder_scope)}"
    if encoder[1] in ("logits/weights", "logits/biases"):
        return "linear.weight" if encoder[1].endswith("weights") else "linear.bias"
    return f"encoder.{_layer_name(encoder[1], _encoder_scope)}"


def _layer_name(variable: str, rename_scope: Any) -> str:
    for ending, field in _FIELDS.items():
        if variable.endswith(f"/{ending}"):
            scope = rename_scope(variable.removesuffix(f"/{ending}"))
            return variable if scope is None else f"{scope}.{field}"
    return variable


def _encoder_scope(scope: str) -> str | None:
    if root := re.fullmatch(r"entry_flow/conv1_([12])", scope):
        return f"stem.{int(root[1]) - 1}"
    inside = re.fullmatch(r"(\w+)_flow/block(\d+)/unit_(\d+)/xception_module/(.+)", scope)
    if inside is None:
        return None
    flow, block, unit, layer = inside.groups()
    index = int(unit if flow == "middle" else block) - 1
    if layer == "shortcut":
        return f"{flow}.{index}.skip"
    separable = re.fullmatch(r"separable_conv(\d)_(depthwise|pointwise)", layer)
    if separable is None:
        return None
    return f"{flow}.{index}.convs.{int(separable[1]) - 1}.{separable[2]}"


def _decoder_scope(scope: str) -> str | None:
    if scope in _DECODER:
        return _DECODER[scope]
    if atrous := re.fullmatch(r"aspp(\d+)_(depthwise|pointwise)", scope):
        return f"aspp.atrous.{int(atrous[1]) - 1}.{atrous[2]}"
    if fusion := re.fullmatch(r"decoder/decoder_conv(\d+)_(depthwise|pointwise)", scope):
        return f"fuse.{fusion[1]}.{fusion[2]}"
    return None


def _prefix(path: Path) -> Path | None:
    """Return the checkpoint's prefix, from itself, one of its files, or its directory."""
    if path.is_dir():
        indices = sorted(path.glob("*.index"))
        return indices[0].with_suffix("") if len(indices) == 1 else None
    prefix = path.with_name(_SUFFIX.sub("", path.name))
    return prefix if prefix.with_name(prefix.name + ".index").is_file() else None


def _read(path: Path) -> WeightFile:
    prefix = _prefix(path)
    assert prefix is not None
    bundle = Bundle(prefix)
    arrays: Arrays = {}
    averages: Arrays = {}
    for stored in bundle.entries:
        if not _SKIPPED.search(stored):
            variable = stored.removesuffix(_AVERAGE)
            place = arrays if stored == variable else averages
            place[module_name(variable)] = _layout(variable, bundle.read(stored))
    return WeightFile(arrays, Normalization(), averages=averages)


def _layout(variable: str, array: NDArray[Any]) -> NDArray[Any]:
    if variable.endswith("/depthwise_weights"):
        return depthwise(array)
    if array.ndim != 4:
        return array
    kernel = convolution(array)
    if re.fullmatch(r"xception_\d+/logits/weights", variable):
        return np.ascontiguousarray(kernel[:, :, 0, 0])
    return kernel


FORMAT = WeightFormat(
    "TensorFlow",
    "TensorFlow V2 checkpoint (model.ckpt: its .index and .data-* files, or their directory)",
    lambda path: _prefix(path) is not None,
    _read,
)
