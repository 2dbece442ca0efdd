"""DeepLab's modified aligned Xception 41, 65 and 71, and a small one of the same make.

Source: Chen et al., "Encoder-Decoder with Atrous Separable Convolution" (ECCV 2018), section 3.2
and figure 4; variants 41 and 71 from the TensorFlow DeepLab release.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from torch import nn

from seg.errors import ConfigError
from seg.models.blocks import ConvNormAct, XceptionModule, rising_probabilities
from seg.models.encoders.xception_base import (
    DEEPEST,
    XceptionPyramid,
    check_in_channels,
    plan_dilation,
)
from seg.models.registry import ENCODERS

# eps 1e-3: the published weights were trained with it
_NORM_EPS = 1e-3


@dataclass(frozen=True)
class Layout:
    """Widths and depth of one variant.

    Attributes:
        middle_blocks: number of middle-flow blocks; their width is that of the last entry block.
        stem: channels of the two root convolutions.
        entry: (channels, stride) of each entry block.
        exit: channels of the separable convolutions of exit block 1 and of exit block 2, as many
            in each as in the other blocks.
        block_depth: separable convolutions a block, 2 or more.
    """

    middle_blocks: int
    stem: tuple[int, int] = (32, 64)
    entry: tuple[tuple[int, int], ...] = ((128, 2), (256, 2), (728, 2))
    exit: tuple[tuple[int, ...], tuple[int, ...]] = ((728, 1024, 1024), (1536, 1536, 2048))
    block_depth: int = 3

    @property
    def strides(self) -> list[int]:
        """Return the stride of each block of all flows, at output stride 32."""
        return [stride for _, stride in self.entry] + [1] * self.middle_blocks + [2, 1]

    def channels(self, in_channels: int) -> list[int]:
        """Return the channels of the six maps, the image first."""
        taps = [width for width, stride in self.entry if stride == 2]
        return [in_channels, *taps, self.exit[0][-2], self.exit[1][-1]]


LAYOUTS = {
    "aligned_xception41": Layout(8),
    "aligned_xception65": Layout(16),
    "aligned_xception71": Layout(16, entry=((128, 2), (256, 1), (256, 2), (728, 1), (728, 2))),
    # narrow where maps are large: strides 2 and 4 hold most of the time on a CPU
    "aligned_xception_tiny": Layout(
        4, (16, 16), ((24, 2), (48, 2), (128, 2)), ((128, 160, 160), (192, 192, 256))
    ),
    # fewer layers, for runs of tens of minutes
    "aligned_xception_micro": Layout(
        3, (16, 24), ((32, 2), (96, 2), (192, 2)), ((192, 192), (192, 192)), block_depth=2
    ),
}


class AlignedXception(XceptionPyramid):
    """DeepLab's modified aligned Xception; see `XceptionPyramid` for its maps.

    Args:
        layout: widths and depth of the variant.
        output_stride: stride of the last map in pixels: 4, 8, 16 or 32.
        in_channels: channels of the image.
        multi_grid: factors on the dilation of the separable convolutions of exit block 2.
        gradient_checkpointing: recompute each block in the backward pass instead of storing it.
        stochastic_depth: probability of dropping the last residual branch for a sample while
            training; it rises to it from the first branch on (see `StochasticDepth`).
        depth: level of the last map, 1 to 5.

    Raises:
        ConfigError: a value outside those.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        output_stride: int = 16,
        in_channels: int = 3,
        multi_grid: Sequence[int] = (1, 1, 1),
        gradient_checkpointing: bool = False,
        stochastic_depth: float = 0.0,
        depth: int = DEEPEST,
    ) -> None:
        check_in_channels(in_channels)
        factors = multi_grid_factors(multi_grid, layout.block_depth)
        plan = plan_dilation(layout.strides, output_stride)
        entry_count = len(layout.entry)
        # the last block has no skip, and so nothing to drop
        drops = rising_probabilities(stochastic_depth, len(plan) - 1)
        super().__init__(
            stem=_stem(in_channels, layout.stem),
            flows=(
                _entry(layout, plan[:entry_count], drops),
                _middle(layout, plan[entry_count:-2], drops[entry_count:]),
                _exit(layout, plan[-2:], factors, drops[-1]),
            ),
            steps=[stride == 2 for stride in layout.strides],
            channels=layout.channels(in_channels),
            output_stride=output_stride,
            gradient_checkpointing=gradient_checkpointing,
            depth=depth,
        )


def multi_grid_factors(multi_grid: Sequence[int], count: int) -> tuple[int, ...]:
    """Return one factor a separable convolution of the last block; ones of any number mean none.

    Raises:
        ConfigError: other than `count` whole numbers of 1 or more.
    """
    if not multi_grid or set(multi_grid) == {1}:
        return (1,) * count
    if len(multi_grid) != count or not all(isinstance(f, int) and f >= 1 for f in multi_grid):
        raise ConfigError(
            f"multi_grid {multi_grid!r}; give {count} whole numbers of 1 or more, one a separable "
            f"convolution of the last block, such as {(1, 2, 4)[:count]}"
        )
    return tuple(multi_grid)


def _stem(in_channels: int, widths: tuple[int, int]) -> list[ConvNormAct]:
    return [
        ConvNormAct(in_channels, widths[0], 3, stride=2, norm_eps=_NORM_EPS),
        ConvNormAct(widths[0], widths[1], 3, norm_eps=_NORM_EPS),
    ]


def _entry(
    layout: Layout, plan: Sequence[tuple[int, int]], drops: Sequence[float]
) -> list[nn.Module]:
    inputs = (layout.stem[1], *(width for width, _ in layout.entry))
    return [
        XceptionModule(
            inputs[index],
            (width,) * layout.block_depth,
            skip="conv",
            stride=stride,
            dilations=(dilation,) * layout.block_depth,
            norm_eps=_NORM_EPS,
            drop_probability=drops[index],
        )
        for index, ((width, _), (stride, dilation)) in enumerate(
            zip(layout.entry, plan, strict=True)
        )
    ]


def _middle(
    layout: Layout, plan: Sequence[tuple[int, int]], drops: Sequence[float]
) -> list[nn.Module]:
    width, depth = layout.entry[-1][0], layout.block_depth
    return [
        XceptionModule(
            width,
            (width,) * depth,
            skip="sum",
            dilations=(dilation,) * depth,
            norm_eps=_NORM_EPS,
            drop_probability=drop,
        )
        for (_, dilation), drop in zip(plan, drops, strict=False)
    ]


def _exit(
    layout: Layout, plan: Sequence[tuple[int, int]], multi_grid: Sequence[int], drop: float
) -> list[nn.Module]:
    (stride, dilation), (_, last_dilation) = plan
    first, second = layout.exit
    return [
        XceptionModule(
            layout.entry[-1][0],
            first,
            skip="conv",
            stride=stride,
            dilations=(dilation,) * len(first),
            norm_eps=_NORM_EPS,
            drop_probability=drop,
        ),
        XceptionModule(
            first[-1],
            second,
            skip="none",
            dilations=[last_dilation * factor for factor in multi_grid],
            norm_eps=_NORM_EPS,
            activation_inside=True,
        ),
    ]


for _name, _layout in LAYOUTS.items():
    ENCODERS.register(_name)(partial(AlignedXception, _layout))
