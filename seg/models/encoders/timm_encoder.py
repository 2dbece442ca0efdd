"""Encoders from networks of timm (`features_only`)."""

from collections.abc import Sequence
from typing import Any

from seg.errors import ConfigError
from seg.models.encoders.library_encoder import LibraryEncoder, check_name, create_library_encoder
from seg.models.encoders.xception_base import check_in_channels
from seg.models.input_bands import Color, InputBands
from seg.models.input_bands import input_bands as usual_or_chosen
from seg.models.interfaces import IMAGENET, Normalization

_DEFAULT_TAG = "imagenet"
# options by which timm's transformers take images of other sizes than in their training
_SIZE_OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"strict_img_size": False},
    {"dynamic_img_size": True},
)


def create_timm_encoder(
    name: str,
    *,
    output_stride: int | None = None,
    in_channels: int = 3,
    weights: str | None = None,
    strict: bool = True,
    moving_average: bool | None = None,
    input_bands: Sequence[Color | None] | None = None,
) -> LibraryEncoder:
    """Build `timm.create_model(name, features_only=True)`.

    Args:
        name: one of `timm.list_models()`, such as `convnext_tiny`; with a tag
            (`convnext_tiny.fb_in1k`) the normalization is that of these weights.
        output_stride: stride of the last map in pixels, 8, 16 or 32; None for 16 where the network
            can dilate, else its own.
        in_channels: channels of the image; weights for RGB are adapted to it.
        weights: a tag of that network (`fb_in1k`), or `imagenet` for timm's default one, downloaded
            by timm; else a file; None for random weights.
        strict: refuse a file that leaves some tensors at their random values.
        moving_average: of a file, see `seg.models.weights.load_weights`.
        input_bands: for each channel the color whose kernels read it, or None for their mean; see
            `seg.models.input_bands`.

    Raises:
        ConfigError: unknown name or tag; a stride that the network cannot hold; a network without
            feature maps, or one that takes images of one size only.
        DataError: weights that cannot be downloaded or read, or do not fit.
    """
    import timm  # takes seconds, and other networks do without

    check_in_channels(in_channels)
    bands = usual_or_chosen(in_channels, chosen=input_bands)
    network, _, own_tag = name.partition(".")
    check_name("timm", network, timm.list_models())
    published = [model.partition(".")[2] for model in timm.list_pretrained(f"{network}.*")]
    if own_tag and own_tag not in published:
        raise ConfigError(
            f"timm/{name}: no such weights\n  allowed behind the dot: {', '.join(published)}"
        )
    tags = [_DEFAULT_TAG, *published] if published else []

    def build(stride: int | None, tag: str | None, bands: InputBands) -> LibraryEncoder:
        tagged = name if tag in (None, _DEFAULT_TAG) else f"{network}.{tag}"
        options: dict[str, Any] = {} if stride is None else {"output_stride": stride}
        return _build(tagged, bands=bands, pretrained=tag is not None, **options)

    return create_library_encoder(
        build,
        name=f"timm/{name}",
        output_stride=output_stride,
        weights=weights,
        tags=tags,
        strict=strict,
        moving_average=moving_average,
        bands=bands,
    )


def _build(name: str, *, bands: InputBands, pretrained: bool, **options: Any) -> LibraryEncoder:
    import timm

    refusal: Exception | None = None
    for sizes in _SIZE_OPTIONS:
        try:
            body = timm.create_model(
                name,
                features_only=True,
                in_chans=len(bands),
                pretrained=pretrained,
                **options,
                **sizes,
            )
            known = timm.get_pretrained_cfg(name, allow_unregistered=True)
            normalization = IMAGENET
            if known is not None:
                normalization = Normalization(tuple(known.mean), tuple(known.std))
            return LibraryEncoder(
                body,
                name=f"timm/{name}",
                in_channels=len(bands),
                normalization=normalization,
                bands=bands,
            )
        except (AssertionError, RuntimeError, TypeError, ValueError) as error:
            if pretrained and not isinstance(error, ConfigError | TypeError):
                raise
            refusal = refusal or error
    if isinstance(refusal, ConfigError):
        raise refusal
    raise ConfigError(f"timm/{name} gives no feature maps: {refusal}") from refusal
