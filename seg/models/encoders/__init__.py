"""Encoders by name; every module of this folder is imported, and declares its encoders itself.

`register_in_smp()` makes them encoders of segmentation-models-pytorch too.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from seg.config.conf_dir import conf_dir
from seg.config.options import read_option
from seg.errors import ConfigError
from seg.models.encoders.smp_encoder import create_smp_encoder
from seg.models.encoders.timm_encoder import create_timm_encoder
from seg.models.encoders.torchvision_encoder import create_torchvision_encoder
from seg.models.input_bands import Color
from seg.models.input_bands import input_bands as usual_or_chosen
from seg.models.registry import ENCODERS, option_names, unknown
from seg.models.variants import Variant, apply_variant
from seg.models.weights import load_weights
from seg.models.weights.model_zoo import default_source

ENCODERS.discover(__name__, __path__)
_USUAL_STRIDE = 16
_SMP_METHODS = ("out_channels", "set_in_channels", "make_dilated")  # what smp reads and calls
_SMP_OPTIONS = {"depth", "output_stride"}  # what it builds encoders with
_TO_PAD = ("xception", "legacy_xception")  # their stems: smp takes even sizes
SMP_NAMES = {"xception": "keras_xception"}  # where the name is another network's in smp
_LIBRARY_FACTORIES: dict[str, Callable[..., nn.Module]] = {
    f"{factory.__module__}.{factory.__name__}": factory
    for factory in (create_smp_encoder, create_timm_encoder, create_torchvision_encoder)
}


def encoder_names() -> list[str]:
    """Return every name that is registered here, sorted; those of libraries are left out."""
    return ENCODERS.names()


def list_encoders() -> list[str]:
    """Return the names that `create_encoder` takes, sorted.

    >>> import seg
    >>> {"aligned_xception65", "resnet50"} <= set(seg.list_encoders())
    True
    """
    return sorted({*encoder_names(), *named_library_encoders()})


def create_encoder(
    name: str,
    *,
    output_stride: int | None = None,
    in_channels: int = 3,
    weights: str | Path | None = None,
    strict: bool = True,
    moving_average: bool | None = None,
    variant: Mapping[str, Any] | None = None,
    input_bands: Sequence[Color | None] | None = None,
    **options: Any,
) -> nn.Module:
    """Build an encoder, `image_BCHW -> list of maps` (see `seg.models.interfaces.Encoder`).

    >>> import seg
    >>> encoder = seg.create_encoder("aligned_xception_micro", output_stride=8, in_channels=4)
    >>> encoder.strides, encoder.channels[0]
    ((1, 2, 4, 8, 8, 8), 4)

    Args:
        name: one of `list_encoders()`.
        output_stride: stride of the last map in pixels: 4, 8, 16 or 32; None for 16, or for the own
            of a network that cannot dilate.
        in_channels: channels of the image, 1 or more; weights for RGB are adapted to it.
        weights: a source that `seg.models.weights.load_weights` takes; `imagenet` for the best
            published ones of this encoder; None for random weights.
        strict: refuse weights that leave some tensors at their random values.
        moving_average: which of raw and averaged weights, see `seg.models.weights.load_weights`.
        variant: changes every separable convolution, see `seg.models.variants.Variant`.
        input_bands: for each channel the color whose kernels read it, `red`, `green` or `blue`, or
            None for their mean; None: the first three are red, green and blue.
        **options: the encoder's own keyword arguments, such as `multi_grid` or
            `gradient_checkpointing`.

    Raises:
        ConfigError: unknown name, option or value; the message lists those allowed.
        DataError: weights that cannot be read or do not fit.
    """
    if name not in encoder_names() and name in (named := named_library_encoders()):
        given: dict[str, Any] = {"variant": variant, "output_stride": output_stride}
        given |= {"weights": weights, "moving_average": moving_average}
        given |= {"input_bands": input_bands} | ({} if strict else {"strict": False})
        chosen = {key: value for key, value in given.items() if value is not None}
        return _create_named(named[name], {**chosen, **options, "in_channels": in_channels})
    if output_stride is not None:
        options["output_stride"] = output_stride
    elif "output_stride" in option_names(ENCODERS.factory(name)):
        options["output_stride"] = _USUAL_STRIDE
    encoder = ENCODERS.create(name, in_channels=in_channels, **options)
    if variant and not apply_variant(encoder, Variant.of(variant)):
        raise ConfigError(f"encoder.variant: {name} has no separable convolutions of this kind")
    bands = usual_or_chosen(in_channels, chosen=input_bands)
    if input_bands is not None:
        built: Any = encoder
        built.input_bands, built.normalization = bands, built.normalization.for_bands(bands)
    if weights is not None:
        source = default_source(name) if weights == "imagenet" else weights
        if source is None:
            raise ConfigError(
                f"encoder.weights=imagenet: none are published for {name}; "
                "`python -m seg.weights list` shows what is, or give a file of your own"
            )
        load_weights(encoder, source, strict=strict, moving_average=moving_average)
    return encoder


def named_library_encoders() -> dict[str, dict[str, Any]]:
    """Return the options of the group `encoder` that a library's factory builds, by name."""
    files = sorted((conf_dir() / "encoder").glob("*.yaml"))
    nodes = {file.stem: read_option("encoder", file.stem) for file in files}
    return {
        name: node for name, node in nodes.items() if node.get("_target_") in _LIBRARY_FACTORIES
    }


def _create_named(node: Mapping[str, Any], options: Mapping[str, Any]) -> nn.Module:
    """Build what an option of the group `encoder` stands for, with other values for its keys."""
    factory = _LIBRARY_FACTORIES[node["_target_"]]
    name, allowed = node["name"], option_names(factory)
    for option in options:
        if option not in allowed:
            raise ConfigError(unknown(f"option of encoder {name!r}", option, allowed))
    arguments = {key: value for key, value in node.items() if key not in ("_target_", "name")}
    return factory(name, **{**arguments, **options})


def register_in_smp() -> None:
    """Register in segmentation-models-pytorch each encoder that has what that library calls.

    `smp.Unet("aligned_xception65", encoder_weights=None)` works from then on. That library has
    another `xception` of its own (timm's weights); ours goes by `keras_xception` there, with padded
    stem convolutions.
    """
    import segmentation_models_pytorch as smp  # takes seconds, and our networks do without

    for name in encoder_names():
        registered = ENCODERS.factory(name)
        kind = registered.func if isinstance(registered, partial) else registered
        has_methods = all(hasattr(kind, method) for method in _SMP_METHODS)
        if not has_methods or _SMP_OPTIONS - {*option_names(registered)}:
            continue
        factory: Callable[..., nn.Module] = partial(ENCODERS.create, name)
        padded = {"padding": "same"} if name in _TO_PAD else {}
        smp.encoders.encoders.setdefault(
            SMP_NAMES.get(name, name),
            {"encoder": factory, "pretrained_settings": {}, "params": padded},
        )


if "segmentation_models_pytorch" in sys.modules:  # a script that uses both needs no call
    register_in_smp()
