"""Aligned Xception 41 and 65 with pre-activation: norm and ReLU stand before the convolutions.

Source: timm, `xception41p` and `xception65p` (no paper); the order of norm, ReLU and convolution is
that of He et al., "Identity Mappings in Deep Residual Networks" (ECCV 2016), figure 4e.
"""

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from seg.models.blocks import (
    ConvNormAct,
    SeparableConv2d,
    Skip,
    StochasticDepth,
    rising_probabilities,
    skip_connection,
)
from seg.models.encoders.aligned_xception import Layout, multi_grid_factors
from seg.models.encoders.xception_base import (
    DEEPEST,
    XceptionPyramid,
    check_in_channels,
    plan_dilation,
)
from seg.models.registry import ENCODERS


class PreactXceptionModule(nn.Module):
    """Three times norm -> ReLU -> depthwise -> pointwise, with a skip from after the first ReLU.

    There is no norm between depthwise and pointwise, and none in the skip. The stride sits in the
    last separable convolution.

    Args:
        in_channels: channels of the input.
        depths: output channels of each separable convolution.
        skip: `conv` (strided 1x1), `sum` (identity), `none`.
        stride: step of the module, in pixels.
        dilations: dilation of each separable convolution.
        norm_eps: epsilon of the batch norms.
        final_activation: ReLU on the output; for the last module of a network.
        drop_probability: of `StochasticDepth`, on what is added to the skip.
    """

    def __init__(
        self,
        in_channels: int,
        depths: Sequence[int],
        *,
        skip: Skip,
        stride: int,
        dilations: Sequence[int],
        norm_eps: float,
        final_activation: bool,
        drop_probability: float = 0.0,
    ) -> None:
        super().__init__()
        inputs = (in_channels, *depths[:-1])
        last = len(depths) - 1
        self.norms = nn.ModuleList(nn.BatchNorm2d(width, norm_eps) for width in inputs)
        self.convs = nn.ModuleList(
            SeparableConv2d(
                inputs[index],
                depths[index],
                stride=stride if index == last else 1,
                dilation=dilations[index],
                norm_eps=None,
                activation=False,
            )
            for index in range(len(depths))
        )
        self.act = nn.ReLU()
        self.final_act = nn.ReLU() if final_activation else nn.Identity()
        self.skip = skip_connection(skip, in_channels, depths[-1], stride, None)
        self.stochastic_depth = StochasticDepth(drop_probability)

    def forward(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Return the module's output and its tap, the second convolution's output."""
        out = tap = normed = self.act(self.norms[0](x_BCHW))
        for index, conv in enumerate(self.convs):
            out = conv(self.act(self.norms[index](out)) if index else normed)
            tap = out if index == 1 else tap
        if self.skip is not None:
            out = self.stochastic_depth(out) + self.skip(normed)
        return self.final_act(out), tap


class PreactXception(XceptionPyramid):
    """Pre-activation Aligned Xception; see `XceptionPyramid` for its maps.

    The taps are raw outputs of convolutions, without norm; the last map is after ReLU.

    Args:
        layout: widths and depth of the variant.
        norm_eps: epsilon of the batch norms.
        output_stride: stride of the last map in pixels: 4, 8, 16 or 32.
        in_channels: channels of the image.
        multi_grid: factors on the dilation of the three separable convolutions of exit block 2.
        gradient_checkpointing: recompute each block in the backward pass instead of storing it.
        stochastic_depth: see `AlignedXception`.
        depth: level of the last map, 1 to 5.

    Raises:
        ConfigError: a value outside those.
    """

    def __init__(
        self,
        layout: Layout,
        norm_eps: float,
        *,
        output_stride: int = 16,
        in_channels: int = 3,
        multi_grid: Sequence[int] = (1, 1, 1),
        gradient_checkpointing: bool = False,
        stochastic_depth: float = 0.0,
        depth: int = DEEPEST,
    ) -> None:
        check_in_channels(in_channels)
        factors = multi_grid_factors(multi_grid, 3)
        plan = plan_dilation(layout.strides, output_stride)
        # the last block has no skip, and so nothing to drop
        drops = [*rising_probabilities(stochastic_depth, len(plan) - 1), 0.0]
        blocks = _blocks(layout, plan, factors, norm_eps, drops)
        entry_count = len(layout.entry)
        super().__init__(
            stem=[
                ConvNormAct(in_channels, layout.stem[0], 3, stride=2, norm_eps=norm_eps),
                ConvNormAct(*layout.stem, 3, norm_eps=None, activation=False),
            ],
            flows=(blocks[:entry_count], blocks[entry_count:-2], blocks[-2:]),
            steps=[stride == 2 for stride in layout.strides],
            channels=layout.channels(in_channels),
            output_stride=output_stride,
            gradient_checkpointing=gradient_checkpointing,
            depth=depth,
        )


def _blocks(
    layout: Layout,
    plan: Sequence[tuple[int, int]],
    multi_grid: Sequence[int],
    norm_eps: float,
    drops: Sequence[float],
) -> list[nn.Module]:
    """Create the blocks of all three flows, in order."""
    width = layout.entry[-1][0]
    shapes: list[tuple[tuple[int, ...], Skip]] = [
        *(((width,) * 3, "conv") for width, _ in layout.entry),
        *(((width,) * 3, "sum") for _ in range(layout.middle_blocks)),
        (layout.exit[0], "conv"),
        (layout.exit[1], "none"),
    ]
    inputs = [layout.stem[1], *(depths[-1] for depths, _ in shapes)]
    last = len(shapes) - 1
    return [
        PreactXceptionModule(
            inputs[index],
            depths,
            skip=skip,
            stride=stride,
            dilations=[dilation * factor for factor in (multi_grid if index == last else (1,) * 3)],
            norm_eps=norm_eps,
            final_activation=index == last,
            drop_probability=drops[index],
        )
        for index, ((depths, skip), (stride, dilation)) in enumerate(zip(shapes, plan, strict=True))
    ]


# timm trained the smaller one with PyTorch's epsilon and the larger with TensorFlow's
ENCODERS.register("aligned_xception41p")(partial(PreactXception, Layout(8), 1e-5))
ENCODERS.register("aligned_xception65p")(partial(PreactXception, Layout(16), 1e-3))
