"""Encoders from networks of torchvision that neither smp nor timm has."""

from collections.abc import Sequence

from seg.models.encoders.library_encoder import LibraryEncoder, check_name, create_library_encoder
from seg.models.encoders.xception_base import check_in_channels
from seg.models.input_bands import Color, InputBands
from seg.models.input_bands import input_bands as usual_or_chosen
from seg.models.weights import set_input_channels

_DEFAULT_TAG = "imagenet"
_RGB = 3


_NETWORKS = ("googlenet",)


def create_torchvision_encoder(
    name: str,
    *,
    output_stride: int | None = None,
    in_channels: int = 3,
    weights: str | None = None,
    strict: bool = True,
    moving_average: bool | None = None,
    input_bands: Sequence[Color | None] | None = None,
) -> LibraryEncoder:
    """Build a network of torchvision without its classifier.

    Args:
        name: `googlenet`.
        output_stride: stride of the last map in pixels; None for the network's own, 32.
        in_channels: channels of the image; weights for RGB are adapted to it.
        weights: `imagenet` or a name of torchvision's (`IMAGENET1K_V1`), downloaded by torchvision;
            else a file; None for random weights.
        strict: refuse a file that leaves some tensors at their random values.
        moving_average: of a file, see `seg.models.weights.load_weights`.
        input_bands: for each channel the color whose kernels read it, or None for their mean; see
            `seg.models.input_bands`.

    Raises:
        ConfigError: unknown name or tag; a stride that the network cannot hold.
        DataError: weights that cannot be downloaded or read, or do not fit.
    """
    check_in_channels(in_channels)
    bands = usual_or_chosen(in_channels, chosen=input_bands)
    check_name("torchvision (through here)", name, _NETWORKS)
    # they take seconds, and other networks do without
    import torchvision

    from seg.models.googlenet import GoogLeNet

    published = torchvision.models.get_model_weights(name)

    def build(stride: int | None, tag: str | None, bands: InputBands) -> LibraryEncoder:
        del stride  # the network cannot dilate; its stride is measured
        body = GoogLeNet()
        if tag is not None:
            body.load_published(published.DEFAULT if tag == _DEFAULT_TAG else published[tag])
        if len(bands) != _RGB:
            set_input_channels(body.conv1.conv, len(bands))
        return LibraryEncoder(
            body,
            name=name,
            in_channels=len(bands),
            normalization=body.normalization,
            bands=bands,
        )

    return create_library_encoder(
        build,
        name=name,
        output_stride=output_stride,
        weights=weights,
        tags=[_DEFAULT_TAG, *published.__members__],
        strict=strict,
        moving_average=moving_average,
        bands=bands,
    )
