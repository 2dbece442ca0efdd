"""DeepLabV3+ with full 3x3 convolutions where DeepLab's own decoder has separable ones.

Source: Chen et al., "Encoder-Decoder with Atrous Separable Convolution" (ECCV 2018), section 3.1,
and "Rethinking Atrous Convolution" (2017), section 3.3, in the form of two PyTorch projects,
pytorch-deeplab-xception (jfzhang95) and DeepLabV3Plus-Pytorch (VainF).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from seg.errors import ConfigError
from seg.models.blocks import DECODER_NORM_EPS, ConvNormAct, initialize
from seg.models.decoders.deeplabv3plus import ImagePooling, rates_for, tap_index
from seg.models.interfaces import Encoder
from seg.models.registry import DECODERS


class FullAtrousPyramid(nn.Module):
    """Atrous spatial pyramid pooling: 1x1, full 3x3 a rate, image mean, and a projection.

    Args:
        in_channels: channels of the encoder's last map.
        channels: channels of each branch and of the output.
        rates: dilation of each 3x3 branch, in feature pixels.
        dropout: probability of dropping a value of the output.
    """

    def __init__(
        self, in_channels: int, channels: int, *, rates: Sequence[int], dropout: float
    ) -> None:
        super().__init__()
        self.pointwise = ConvNormAct(in_channels, channels, 1, norm_eps=DECODER_NORM_EPS)
        self.atrous = nn.ModuleList(
            ConvNormAct(in_channels, channels, 3, dilation=rate, norm_eps=DECODER_NORM_EPS)
            for rate in rates
        )
        self.image_pooling = ImagePooling(in_channels, channels, window_HW=None, stride_HW=(1, 1))
        branches = 2 + len(rates)
        self.projection = ConvNormAct(branches * channels, channels, 1, norm_eps=DECODER_NORM_EPS)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Map B x in_channels x H x W to B x channels x H x W."""
        branches = [self.pointwise(x_BCHW), *(atrous(x_BCHW) for atrous in self.atrous)]
        branches.append(self.image_pooling(x_BCHW))
        out: Tensor = self.dropout(self.projection(torch.cat(branches, dim=1)))
        return out


@DECODERS.register("deeplabv3plus_full")
class FullDeepLabV3Plus(nn.Module):
    """DeepLabV3+ decoder of full convolutions, with its classifier.

    The defaults are those of pytorch-deeplab-xception, which also needs `pad_to_grid=False` of
    `Segmenter` for the same numbers. DeepLabV3Plus-Pytorch has `dropout=0.1, fusion_dropout=(0,),
    align_corners=False, low_level_first=True`, and for its DeepLabV3 `low_level_stride=None`.

    Args:
        encoder: read for channels and strides, not stored.
        num_classes: number of logits a pixel.
        aspp_channels: width of the pyramid.
        decoder_channels: width of the 3x3 convolutions after the fusion.
        low_level_channels: width to which the low-level map is reduced.
        low_level_stride: stride of that map, one of the encoder's; None for no fusion (DeepLabV3:
            the 3x3 convolutions follow the pyramid at once).
        low_level_first: whether the low-level map comes before the pyramid's in the fusion.
        atrous_rates: dilations of the pyramid; None for (6, 12, 18) x 16 / output stride.
        dropout: probability, on the pyramid's output.
        fusion_dropout: one probability for each 3x3 convolution after the fusion, on its output;
            their number is that of the convolutions.
        align_corners: whether corner pixels coincide where the pyramid's output is resized, and
            where `Segmenter` resizes the logits.

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
        low_level_first: bool = False,
        atrous_rates: Sequence[int] | None = None,
        dropout: float = 0.5,
        fusion_dropout: Sequence[float] = (0.5, 0.1),
        align_corners: bool = True,
    ) -> None:
        super().__init__()
        _check(num_classes, dropout, fusion_dropout)
        self.num_classes = num_classes
        self.low_level_first = low_level_first
        self.align_corners = align_corners
        self.aspp = FullAtrousPyramid(
            encoder.channels[-1],
            aspp_channels,
            rates=rates_for(atrous_rates, encoder.output_stride),
            dropout=dropout,
        )
        self.low_level_index = tap_index(encoder, low_level_stride)
        width = aspp_channels
        if self.low_level_index is not None:
            tap_channels = encoder.channels[self.low_level_index]
            self.low_level = ConvNormAct(
                tap_channels, low_level_channels, 1, norm_eps=DECODER_NORM_EPS
            )
            width += low_level_channels
        widths = (width, *[decoder_channels] * len(fusion_dropout))
        self.fuse = nn.ModuleList(
            ConvNormAct(widths[index], decoder_channels, 3, norm_eps=DECODER_NORM_EPS)
            for index in range(len(fusion_dropout))
        )
        self.fusion_dropouts = nn.ModuleList(
            nn.Dropout(probability) for probability in fusion_dropout
        )
        self.logits = nn.Conv2d(decoder_channels, num_classes, 1)
        initialize(self, logits=self.logits)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Compute logits B x num_classes x h x w at the size of the low-level map."""
        x = self.aspp(features[-1])
        if self.low_level_index is not None:
            tap = features[self.low_level_index]
            x = functional.interpolate(
                x, tap.shape[2:], mode="bilinear", align_corners=self.align_corners
            )
            both = [x, self.low_level(tap)]
            x = torch.cat(both[::-1] if self.low_level_first else both, dim=1)
        for convolution, dropout in zip(self.fuse, self.fusion_dropouts, strict=True):
            x = dropout(convolution(x))
        logits: Tensor = self.logits(x)
        return logits


def _check(num_classes: int, dropout: float, fusion_dropout: Sequence[float]) -> None:
    if num_classes < 1:
        raise ConfigError(f"num_classes {num_classes}; allowed: 1 or more")
    if not fusion_dropout:
        raise ConfigError("fusion_dropout is empty; give one probability a fusion convolution")
    for probability in (dropout, *fusion_dropout):
        if not 0 <= probability < 1:
            raise ConfigError(f"dropout {probability}; allowed: 0 up to below 1")
