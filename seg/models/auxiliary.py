"""Auxiliary heads: classifiers on single maps of the encoder in training, so that it learns sooner.

Source: Zhao et al., "Pyramid Scene Parsing Network" (CVPR 2017), section 4: one more classifier on
an earlier stage, its loss weighted by 0.4. Several of them are deep supervision (Lee et al.,
"Deeply-Supervised Nets", AISTATS 2015). The head is torchvision's `FCNHead`.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from seg.errors import ConfigError
from seg.kernels.resize import Resize
from seg.models.blocks import DECODER_NORM_EPS, ConvNormAct, initialize
from seg.models.coarse_logits import CoarseLogits
from seg.models.interfaces import Encoder


class FullyConvolutionalHead(nn.Module):
    """3x3 convolution -> norm -> ReLU -> dropout -> 1x1 convolution.

    Args:
        in_channels: channels of the map.
        channels: width of the 3x3 convolution.
        num_classes: number of logits a pixel.
        dropout: probability of dropping a value.
    """

    def __init__(
        self, in_channels: int, channels: int, *, num_classes: int, dropout: float
    ) -> None:
        super().__init__()
        self.conv = ConvNormAct(in_channels, channels, 3, norm_eps=DECODER_NORM_EPS)
        self.dropout = nn.Dropout(dropout)
        self.logits = nn.Conv2d(channels, num_classes, 1)
        initialize(self, logits=self.logits)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Compute logits B x num_classes x H x W of a map B x in_channels x H x W."""
        logits: Tensor = self.logits(self.dropout(self.conv(x_BCHW)))
        return logits


class AuxiliaryHeads(nn.Module):
    """One head a stride, trained beside the decoder and no part of the trained network.

    Args:
        encoder: read for channels and strides, not kept.
        num_classes: number of logits a pixel.
        strides: of the encoder's maps that get a head, pixels; where several maps have a stride,
            the first of them.
        weights: of each head's loss, the decoder's being 1.
        channels: width of the heads.
        dropout: probability, before each head's last layer.

    Raises:
        ConfigError: a stride that the encoder lacks; another number of weights than strides, or one
            that is not positive; a width or probability that is not allowed.

    Attributes:
        weights: see above.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        num_classes: int,
        strides: Sequence[int] = (16,),
        weights: Sequence[float] = (0.4,),
        channels: int = 256,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        _check(strides, weights, channels, dropout)
        self.weights = tuple(weights)
        for stride in strides:
            if stride not in encoder.strides[1:]:
                allowed = ", ".join(map(str, sorted(set(encoder.strides[1:]))))
                raise ConfigError(f"aux_head.strides: {stride}; this encoder has {allowed}")
        self._indices = [encoder.strides.index(stride, 1) for stride in strides]
        self.heads = nn.ModuleList(
            FullyConvolutionalHead(
                encoder.channels[index], channels, num_classes=num_classes, dropout=dropout
            )
            for index in self._indices
        )

    def forward(self, features: Sequence[Tensor], resize: Resize) -> list[CoarseLogits]:
        """Compute each head's logits from the encoder's maps, with the decoder's resize."""
        return [
            CoarseLogits(head(features[index]), resize)
            for head, index in zip(self.heads, self._indices, strict=True)
        ]


def _check(strides: Sequence[int], weights: Sequence[float], channels: int, dropout: float) -> None:
    if not strides or len(strides) != len(weights):
        raise ConfigError(
            f"aux_head.weights: {len(weights)} weights for {len(strides)} strides; give one a"
            " stride"
        )
    if min(weights) <= 0:
        raise ConfigError(f"aux_head.weights: {min(weights)}; allowed: above 0")
    if channels < 1:
        raise ConfigError(f"aux_head.channels={channels}; allowed: 1 or more")
    if not 0 <= dropout < 1:
        raise ConfigError(f"aux_head.dropout={dropout}; allowed: 0 to below 1")
