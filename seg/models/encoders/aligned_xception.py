"""DeepLab's modified aligned Xception 41, 65 and 71, and smaller and pre-activation ones.

Source: Chen et al., "Encoder-Decoder with Atrous Separable Convolution" (ECCV 2018), section 3.2
and figure 4; variants 41 and 71 from the TensorFlow DeepLab release; 41p and 65p from timm.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypedDict

from torch import nn

from seg.errors import ConfigError
from seg.models.blocks import ConvNormAct, Skip, XceptionModule, rising_probabilities
from seg.models.encoders.preact_xception import PreactXceptionModule
from seg.models.encoders.xception_base import (
    DEEPEST,
    XceptionPyramid,
    check_in_channels,
    plan_dilation,
)
from seg.models.registry import ENCODERS


class BlockOptions(TypedDict):
    """Arguments of the module of one block; see `XceptionModule`."""

    in_channels: int
    depths: tuple[int, ...]
    skip: Skip
    stride: int
    dilations: tuple[int, ...]


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
        pre_activation: whether norms and ReLUs stand before the convolutions. The taps are then raw
            outputs of convolutions, without norm; the last map is after ReLU.
        norm_eps: epsilon of the batch norms.
    """

    middle_blocks: int
    stem: tuple[int, int] = (32, 64)
    entry: tuple[tuple[int, int], ...] = ((128, 2), (256, 2), (728, 2))
    exit: tuple[tuple[int, ...], tuple[int, ...]] = ((728, 1024, 1024), (1536, 1536, 2048))
    block_depth: int = 3
    pre_activation: bool = False
    norm_eps: float = 1e-3  # the published weights were trained with it

    @property
    def strides(self) -> list[int]:
        """Return the stride of each block of all flows, at output stride 32."""
        return [stride for _, stride in self.entry] + [1] * self.middle_blocks + [2, 1]

    def channels(self, in_channels: int) -> list[int]:
        """Return the channels of the six maps, the image first."""
        taps = [width for width, stride in self.entry if stride == 2]
        return [in_channels, *taps, self.exit[0][-2], self.exit[1][-1]]

    def blocks(self, output_stride: int, multi_grid: Sequence[int]) -> list[BlockOptions]:
        """Return the options of each block of all flows, in order.

        Args:
            output_stride: stride of the last map in pixels: 4, 8, 16 or 32.
            multi_grid: factors on the dilation of the separable convolutions of the last block.

        Raises:
            ConfigError: a value outside those.
        """
        ones = (1,) * self.block_depth
        factors = multi_grid_factors(multi_grid, self.block_depth)
        plan = plan_dilation(self.strides, output_stride)
        width = self.entry[-1][0]
        shapes: list[tuple[tuple[int, ...], Skip]] = [
            *(((width,) * self.block_depth, "conv") for width, _ in self.entry),
            *(((width,) * self.block_depth, "sum") for _ in range(self.middle_blocks)),
            (self.exit[0], "conv"),
            (self.exit[1], "none"),
        ]
        inputs = [self.stem[1], *(depths[-1] for depths, _ in shapes)]
        return [
            {
                "in_channels": in_channels,
                "depths": depths,
                "skip": skip,
                "stride": stride,
                "dilations": tuple(dilation * f for f in (factors if skip == "none" else ones)),
            }
            for in_channels, (depths, skip), (stride, dilation) in zip(
                inputs, shapes, plan, strict=False
            )
        ]


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
    # timm trained the smaller one with PyTorch's epsilon and the larger with TensorFlow's
    "aligned_xception41p": Layout(8, pre_activation=True, norm_eps=1e-5),
    "aligned_xception65p": Layout(16, pre_activation=True),
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
        options = layout.blocks(output_stride, multi_grid)
        # the last block has no skip, and so nothing to drop
        drops = [*rising_probabilities(stochastic_depth, len(options) - 1), 0.0]
        eps, pre_activation = layout.norm_eps, layout.pre_activation
        blocks: list[nn.Module] = []
        for block, drop in zip(options, drops, strict=True):
            last = block["skip"] == "none"
            blocks.append(
                PreactXceptionModule(
                    **block, norm_eps=eps, final_activation=last, drop_probability=drop
                )
                if pre_activation
                else XceptionModule(
                    **block, norm_eps=eps, activation_inside=last, drop_probability=drop
                )
            )
        super().__init__(
            stem=[
                ConvNormAct(in_channels, layout.stem[0], 3, stride=2, norm_eps=eps),
                ConvNormAct(
                    *layout.stem,
                    3,
                    norm_eps=None if pre_activation else eps,
                    activation=not pre_activation,
                ),
            ],
            blocks=blocks,
            strides=layout.strides,
            entry_blocks=len(layout.entry),
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


for _name, _layout in LAYOUTS.items():
    ENCODERS.register(_name)(partial(AlignedXception, _layout))
