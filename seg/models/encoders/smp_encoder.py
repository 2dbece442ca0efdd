"""Encoders of segmentation-models-pytorch."""

from collections.abc import Sequence
from typing import Any

from seg.errors import ConfigError
from seg.models.encoders.library_encoder import LibraryEncoder, check_name, create_library_encoder
from seg.models.encoders.xception_base import check_in_channels
from seg.models.input_bands import Color, InputBands
from seg.models.input_bands import input_bands as usual_or_chosen
from seg.models.interfaces import IMAGENET, Normalization

_OWN_STRIDE = 32
_BYTE = 255
_MINUS_ONE_TO_ONE = Normalization()
_DPN = Normalization((124 / 255, 117 / 255, 104 / 255), (1 / (0.0167 * 255),) * 3)
# encoders whose weights were not trained with ImageNet's mean and deviation, by the start of their
# names: the library has these facts on its hub, but files and checkpoints need them too
_NORMALIZATIONS = {
    "inceptionv4": _MINUS_ONE_TO_ONE,
    "inceptionresnetv2": _MINUS_ONE_TO_ONE,
    "xception": _MINUS_ONE_TO_ONE,
    "timm-tf_efficientnet_lite": _MINUS_ONE_TO_ONE,
    "dpn": _DPN,
}


def create_smp_encoder(
    name: str,
    *,
    output_stride: int | None = None,
    in_channels: int = 3,
    weights: str | None = None,
    strict: bool = True,
    moving_average: bool | None = None,
    input_bands: Sequence[Color | None] | None = None,
) -> LibraryEncoder:
    """Build `smp.encoders.get_encoder(name)`.

    Args:
        name: one of `smp.encoders.get_encoder_names()`, such as `resnet50`.
        output_stride: stride of the last map in pixels, 8, 16 or 32; None for 16 where the encoder
            can dilate, else 32.
        in_channels: channels of the image; weights for RGB are adapted to it.
        weights: `imagenet` or another tag of that encoder, downloaded by smp; else a file; None for
            random weights.
        strict: refuse a file that leaves some tensors at their random values.
        moving_average: of a file, see `seg.models.weights.load_weights`.
        input_bands: for each channel the color whose kernels read it, or None for their mean; see
            `seg.models.input_bands`.

    Raises:
        ConfigError: unknown name or tag; a stride that the encoder cannot hold.
        DataError: weights that cannot be downloaded or read, or do not fit.
    """
    import segmentation_models_pytorch as smp  # takes seconds, and our networks do without

    check_in_channels(in_channels)
    bands = usual_or_chosen(in_channels, chosen=input_bands)
    # our own encoders are registered there too, without published weights
    known = {
        key: tuple(entry["pretrained_settings"])
        for key, entry in smp.encoders.encoders.items()
        if entry["pretrained_settings"]
    }
    check_name("segmentation-models-pytorch", name, known)

    def build(stride: int | None, tag: str | None, bands: InputBands) -> LibraryEncoder:
        body = smp.encoders.get_encoder(
            name, in_channels=len(bands), weights=tag, output_stride=stride or _OWN_STRIDE
        )
        if tag is None:
            starts = [start for start in _NORMALIZATIONS if name.startswith(start)]
            normalization = _NORMALIZATIONS[starts[0]] if starts else IMAGENET
        else:
            settings = smp.encoders.get_preprocessing_params(name, tag)
            normalization = as_normalization(settings, name)
        return LibraryEncoder(
            body, name=name, in_channels=len(bands), normalization=normalization, bands=bands
        )

    return create_library_encoder(
        build,
        name=name,
        output_stride=output_stride,
        weights=weights,
        tags=known[name],
        strict=strict,
        moving_average=moving_average,
        bands=bands,
    )


def as_normalization(settings: dict[str, Any], name: str) -> Normalization:
    """Convert smp's `mean`, `std`, `input_range` and `input_space`.

    Raises:
        ConfigError: an encoder that reads BGR, which our images are not.
    """
    if settings["input_space"] != "RGB":
        raise ConfigError(f"{name} reads {settings['input_space']}; only RGB weights are supported")
    # means for values of 0..255 are divided: ours are for 0..1
    unit = _BYTE if settings["input_range"][1] == _BYTE else 1
    mean, std = (tuple(value / unit for value in settings[key]) for key in ("mean", "std"))
    return Normalization(mean, std)
