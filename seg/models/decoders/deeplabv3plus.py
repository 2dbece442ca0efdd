"""The DeepLabV3+ decoder: atrous spatial pyramid pooling, then fusion with a low-level map.

Source: Chen et al., "Encoder-Decoder with Atrous Separable Convolution" (ECCV 2018), sections 3.1
and 3.2; image pooling and branch order as in the TensorFlow DeepLab release.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from seg.errors import ConfigError
from seg.models.blocks import (
    DECODER_NORM_EPS,
    ConvNormAct,
    SeparableConv2d,
    initialize,
    resize,
)
from seg.models.interfaces import Encoder
from seg.models.registry import DECODERS

_RATES_AT_STRIDE_16 = (6, 12, 18)


class ImagePooling(nn.Module):
    """Mean over the image, or over a window of it, as another branch of the pyramid.

    Args:
        in_channels: channels of the encoder's last map.
        out_channels: channels of the branch.
        window_HW: pooling window in feature pixels, cut to the map where it is larger; None for the
            whole map.
        stride_HW: step of that window in feature pixels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        window_HW: tuple[int, int] | None,
        stride_HW: tuple[int, int],
    ) -> None:
        super().__init__()
        self.window_HW = window_HW
        self.stride_HW = stride_HW
        self.project = ConvNormAct(in_channels, out_channels, 1, norm_eps=DECODER_NORM_EPS)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Map B x in_channels x H x W to B x out_channels x H x W."""
        size = x_BCHW.shape[2:]
        if self.window_HW is None:
            pooled: Tensor = self.project(self._checked(x_BCHW.mean((2, 3), keepdim=True)))
            return pooled.expand(-1, -1, *size)
        window = (min(self.window_HW[0], size[0]), min(self.window_HW[1], size[1]))
        pooled = functional.avg_pool2d(x_BCHW, window, self.stride_HW)
        return resize(self.project(self._checked(pooled)), size)

    def _checked(self, pooled_BChw: Tensor) -> Tensor:
        batch, _, height, width = pooled_BChw.shape
        if self.project.norm.training and batch * height * width == 1:
            raise ConfigError(
                "image pooling leaves one value a channel, which batch norm cannot train on; use a "
                "batch of 2 or more, or an image_pool_crop smaller than the image"
            )
        return pooled_BChw


class AtrousPyramid(nn.Module):
    """Atrous spatial pyramid pooling: image mean, 1x1, separable 3x3 a rate, and a projection.

    Args:
        in_channels: channels of the encoder's last map.
        channels: channels of each branch and of the output.
        rates: dilation of each separable branch.
        image_pooling: the first branch; None for none.
        dropout: probability of dropping a value of the output.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        *,
        rates: Sequence[int],
        image_pooling: ImagePooling | None,
        dropout: float,
    ) -> None:
        super().__init__()
        self.image_pooling = image_pooling
        self.pointwise = ConvNormAct(in_channels, channels, 1, norm_eps=DECODER_NORM_EPS)
        self.atrous = nn.ModuleList(
            SeparableConv2d(
                in_channels, channels, dilation=rate, norm_eps=DECODER_NORM_EPS, activation=True
            )
            for rate in rates
        )
        branches = 1 + len(rates) + (image_pooling is not None)
        self.projection = ConvNormAct(branches * channels, channels, 1, norm_eps=DECODER_NORM_EPS)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Map B x in_channels x H x W to B x channels x H x W."""
        pooled = [] if self.image_pooling is None else [self.image_pooling(x_BCHW)]
        branches = [*pooled, self.pointwise(x_BCHW)]
        branches += [atrous(x_BCHW) for atrous in self.atrous]
        out: Tensor = self.dropout(self.projection(torch.cat(branches, dim=1)))
        return out


@DECODERS.register("deeplabv3plus")
class DeepLabV3Plus(nn.Module):
    """DeepLabV3+ decoder with its classifier.

    Args:
        encoder: read for channels and strides, not stored.
        num_classes: number of logits a pixel.
        aspp_channels: width of the pyramid.
        decoder_channels: width of the two separable convolutions after the fusion.
        low_level_channels: width to which the low-level map is reduced.
        low_level_stride: stride of that map, one of the encoder's; None for no fusion (DeepLabV3).
        atrous_rates: dilations of the pyramid; None for (6, 12, 18) x 16 / output stride.
        image_pooling: whether the mean over the image is a branch of the pyramid; the paper's best
            results on Cityscapes are without (table 7).
        image_pool_crop: training crop (one side, or height and width, in pixels) whose extent the
            image pooling averages over; None for the whole map, at any size.
        image_pool_stride: step of that window (height, width) in feature pixels.
        dropout: probability, on the pyramid's output.

    Raises:
        ConfigError: a value outside those.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        num_classes: int,
        aspp_channels: int = 256,
        decoder_channels: int = 256,
        low_level_channels: int = 48,
        low_level_stride: int | None = 4,
        atrous_rates: Sequence[int] | None = None,
        image_pooling: bool = True,
        image_pool_crop: int | Sequence[int] | None = None,
        image_pool_stride: Sequence[int] = (1, 1),
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if num_classes < 1:
            raise ConfigError(f"num_classes {num_classes}; allowed: 1 or more")
        self.num_classes = num_classes
        pooling = ImagePooling(
            encoder.channels[-1],
            aspp_channels,
            window_HW=_pool_window(image_pool_crop, encoder.output_stride),
            stride_HW=_pair("image_pool_stride", image_pool_stride),
        )
        self.aspp = AtrousPyramid(
            encoder.channels[-1],
            aspp_channels,
            rates=rates_for(atrous_rates, encoder.output_stride),
            image_pooling=pooling if image_pooling else None,
            dropout=dropout,
        )
        self.low_level_index = tap_index(encoder, low_level_stride)
        width = aspp_channels
        if self.low_level_index is not None:
            tap_channels = encoder.channels[self.low_level_index]
            self.low_level = ConvNormAct(
                tap_channels, low_level_channels, 1, norm_eps=DECODER_NORM_EPS
            )
            self.fuse = nn.Sequential(
                _fusion(aspp_channels + low_level_channels, decoder_channels),
                _fusion(decoder_channels, decoder_channels),
            )
            width = decoder_channels
        self.logits = nn.Conv2d(width, num_classes, 1)
        initialize(self, logits=self.logits)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Compute logits B x num_classes x h x w at the size of the low-level map."""
        x = self.aspp(features[-1])
        if self.low_level_index is not None:
            tap = features[self.low_level_index]
            x = self.fuse(torch.cat([resize(x, tap.shape[2:]), self.low_level(tap)], dim=1))
        logits: Tensor = self.logits(x)
        return logits


def _fusion(in_channels: int, out_channels: int) -> SeparableConv2d:
    return SeparableConv2d(in_channels, out_channels, norm_eps=DECODER_NORM_EPS, activation=True)


def tap_index(encoder: Encoder, stride: int | None) -> int | None:
    """Return the position of the encoder's map of a stride; None for no map.

    Raises:
        ConfigError: the encoder has no such map.
    """
    if stride is None:
        return None
    if stride not in encoder.strides[1:]:
        strides = sorted(set(encoder.strides[1:]))
        raise ConfigError(
            f"decoder.low_level_stride {stride}: this encoder has maps of stride "
            f"{', '.join(map(str, strides))}\n  give +decoder.low_level_stride={strides[0]}, "
            "or +decoder.low_level_stride=null for none"
        )
    return encoder.strides.index(stride)


def rates_for(rates: Sequence[int] | None, output_stride: int) -> tuple[int, ...]:
    """Return the dilations of the pyramid: those given, or DeepLab's for the output stride.

    Raises:
        ConfigError: anything but whole numbers of 1 or more.
    """
    if rates is None:
        return tuple(rate * 16 // output_stride for rate in _RATES_AT_STRIDE_16)
    if not all(isinstance(rate, int) and rate >= 1 for rate in rates):
        raise ConfigError(f"atrous_rates {rates!r}; give whole numbers of 1 or more, or null")
    return tuple(rates)


def _pool_window(crop: int | Sequence[int] | None, output_stride: int) -> tuple[int, int] | None:
    if crop is None:
        return None
    height, width = _pair("image_pool_crop", (crop, crop) if isinstance(crop, int) else crop)
    # TensorFlow's own rounding: 129 px at stride 16 is a window of 9, and 128 px of 8
    return int((height - 1) / output_stride + 1), int((width - 1) / output_stride + 1)


def _pair(name: str, values: Sequence[int]) -> tuple[int, int]:
    if len(values) != 2 or not all(isinstance(value, int) and value >= 1 for value in values):
        raise ConfigError(f"{name} {values!r}; give two whole numbers of 1 or more: height, width")
    return values[0], values[1]
