"""A light top-down decoder, from the deep map level by level to a fine one.

Source: Lin et al., "Feature Pyramid Networks for Object Detection" (CVPR 2017), section 3, with its
sum of a resized map and a 1x1 lateral; the width shrinks as maps grow, and the 3x3 convolution
after each sum is separable.
"""

from collections.abc import Sequence

from torch import Tensor, nn

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


class Level(nn.Module):
    """One step down: the resized map from above plus the encoder's, then a separable residual.

    Args:
        above_channels: channels of the map from above.
        tap_channels: channels of the encoder's map.
        channels: width of the level.
    """

    def __init__(self, above_channels: int, tap_channels: int, channels: int) -> None:
        super().__init__()
        self.reduce = ConvNormAct(above_channels, channels, 1, norm_eps=DECODER_NORM_EPS)
        self.lateral = ConvNormAct(tap_channels, channels, 1, norm_eps=DECODER_NORM_EPS)
        self.refine = SeparableConv2d(
            channels, channels, norm_eps=DECODER_NORM_EPS, activation=True, norm_between=False
        )

    def forward(self, above_BChw: Tensor, tap_BCHW: Tensor) -> Tensor:
        """Merge two maps into B x channels x H x W.

        Args:
            above_BChw: B x above_channels x h x w.
            tap_BCHW: B x tap_channels x H x W.
        """
        merged = resize(self.reduce(above_BChw), tap_BCHW.shape[2:]) + self.lateral(tap_BCHW)
        out: Tensor = merged + self.refine(merged)
        return out


@DECODERS.register("feature_pyramid")
class FeaturePyramid(nn.Module):
    """Top-down decoder with its classifier.

    Args:
        encoder: read for channels and strides, not stored.
        num_classes: number of logits a pixel.
        level_strides: strides of the encoder's maps to merge, from coarse to fine.
        level_channels: width of each of these levels.

    Raises:
        ConfigError: a stride that the encoder lacks, strides that do not decrease, or another
            number of widths than of strides.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        num_classes: int,
        level_strides: Sequence[int] = (8, 4, 2),
        level_channels: Sequence[int] = (96, 64, 24),
    ) -> None:
        super().__init__()
        _check(num_classes, level_strides, level_channels)
        self.num_classes = num_classes
        self.indices = _taps(encoder, level_strides)
        widths = (encoder.channels[-1], *level_channels)
        self.levels = nn.ModuleList(
            Level(widths[step], encoder.channels[index], widths[step + 1])
            for step, index in enumerate(self.indices)
        )
        self.logits = nn.Conv2d(widths[-1], num_classes, 1)
        initialize(self, logits=self.logits)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Compute logits B x num_classes x h x w at the size of the finest level."""
        x = features[-1]
        for level, index in zip(self.levels, self.indices, strict=True):
            x = level(x, features[index])
        logits: Tensor = self.logits(x)
        return logits


def _taps(encoder: Encoder, strides: Sequence[int]) -> list[int]:
    available = sorted(set(encoder.strides[1:]), reverse=True)
    if not set(strides) <= set(available):
        usable = available[-len(strides) :]
        widths = [96, 64, 24][: len(usable)]
        raise ConfigError(
            f"decoder.level_strides {list(strides)}: this encoder has maps of stride "
            f"{', '.join(map(str, available))}\n"
            f"  give decoder.level_strides={_typed(usable)} decoder.level_channels={_typed(widths)}"
        )
    return [encoder.strides.index(stride) for stride in strides]


def _typed(values: Sequence[int]) -> str:
    """Format a list as one word of a shell."""
    return f"[{','.join(map(str, values))}]"


def _check(num_classes: int, strides: Sequence[int], channels: Sequence[int]) -> None:
    if num_classes < 1:
        raise ConfigError(f"num_classes {num_classes}; allowed: 1 or more")
    if not strides or list(strides) != sorted(set(strides), reverse=True):
        raise ConfigError(f"level_strides {strides!r}; give falling ones, such as (8, 4, 2)")
    if len(channels) != len(strides) or min(channels) < 1:
        raise ConfigError(
            f"level_channels {channels!r}; give {len(strides)} widths of 1 or more, one a stride"
        )
