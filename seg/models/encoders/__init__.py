"""Encoders by name; every module of this folder is imported, and declares its encoders itself.

Importing this package also registers each encoder in segmentation-models-pytorch, so that
`smp.Unet("aligned_xception65", encoder_weights=None)` works. That library has another `xception`
of its own (timm's weights); ours goes by `keras_xception` there, with padded stem convolutions.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
from torch import nn

from seg.models.registry import ENCODERS
from seg.models.weights import load_weights

ENCODERS.discover(__name__, __path__)


def encoder_names() -> list[str]:
    """Every name that `create_encoder` knows, sorted."""
    return ENCODERS.names()


def create_encoder(
    name: str,
    *,
    output_stride: int = 16,
    in_channels: int = 3,
    weights: str | Path | None = None,
    partial: bool = False,
    **options: Any,
) -> nn.Module:
    """Build an encoder, `image_BCHW -> list of maps` (see `seg.models.contract.Encoder`).

    Args:
        name: one of `encoder_names()`.
        output_stride: stride of the last map in pixels: 4, 8, 16 or 32.
        in_channels: channels of the image, 1 or more; RGB weights are adapted to it.
        weights: a file that `seg.models.weights.load_weights` reads; None for random weights.
        partial: accept weights that leave some tensors at their random values.
        **options: the encoder's own keyword arguments, such as `multi_grid` or
            `gradient_checkpointing`.

    Raises:
        ConfigError: unknown name, option or value; the message lists those allowed.
        DataError: weights that cannot be read or do not fit.
    """
    encoder = ENCODERS.create(name, output_stride=output_stride, in_channels=in_channels, **options)
    if weights is not None:
        load_weights(encoder, weights, partial=partial)
    return encoder


def _register_in_smp(name: str, smp_name: str, **options: Any) -> None:
    factory: Callable[..., nn.Module] = partial(ENCODERS.create, name)
    smp.encoders.encoders.setdefault(
        smp_name, {"encoder": factory, "pretrained_settings": {}, "params": options}
    )


for _name in encoder_names():
    if _name == "xception":
        _register_in_smp(_name, "keras_xception", padding="same")
    else:
        _register_in_smp(_name, _name)
