"""The module of pre-activation Xceptions: norm and ReLU stand before the convolutions.

Source: timm, `xception41p` and `xception65p` (no paper); the order of norm, ReLU and convolution is
that of He et al., "Identity Mappings in Deep Residual Networks" (ECCV 2016), figure 4e.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from seg.models.blocks import SeparableConv2d, Skip, StochasticDepth, skip_connection


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
