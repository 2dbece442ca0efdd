"""Convolution blocks of the Xception networks and the DeepLabV3+ decoder.

Sources: Chollet, "Xception" (CVPR 2017), section 3; Chen et al., "Encoder-Decoder with Atrous
Separable Convolution" (ECCV 2018), figure 4 (the modified aligned Xception).
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from seg.errors import ConfigError
from seg.kernels.depthwise import DepthwiseConv2d, fused_conv_bn

Skip = Literal["conv", "sum", "none"]
DECODER_NORM_EPS = 1e-5  # of decoders and heads
_LOGITS_STD = 0.01  # of the initial weights of their last layer


class ConvNormAct(nn.Module):
    """Convolution without bias -> batch norm -> ReLU, the latter two optional.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: side of the square kernel.
        stride: step in pixels.
        dilation: distance between kernel taps in pixels.
        padding: zeros on all four sides; None keeps the size at stride 1 (also asymmetric sizes
            are padded symmetrically at stride 2, as the TensorFlow DeepLab does).
        groups: as of `nn.Conv2d`.
        norm_eps: epsilon of the batch norm; None leaves the norm out.
        activation: whether a ReLU follows; never in place, since features may be tapped before it.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        padding: int | None = None,
        groups: int = 1,
        norm_eps: float | None,
        activation: bool = True,
    ) -> None:
        super().__init__()
        if padding is None:
            padding = dilation * (kernel_size - 1) // 2
        kind = DepthwiseConv2d if groups == in_channels == out_channels > 1 else nn.Conv2d
        self.conv = kind(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            bias=False,
        )
        self.norm = nn.Identity() if norm_eps is None else nn.BatchNorm2d(out_channels, norm_eps)
        self.act = nn.ReLU() if activation else nn.Identity()

    def forward(self, x_BCHW: Tensor, pre_act: nn.Module | None = None) -> Tensor:
        """Map B x in_channels x H x W to B x out_channels x H' x W', H' = ceil(H / stride).

        `pre_act` is applied before; a kernel may do everything in one step.
        """
        fused = fused_conv_bn(x_BCHW, self.conv, self.norm, pre_act=pre_act, act=self.act)
        if fused is not None:
            return fused
        out: Tensor = self.act(self.norm(self.conv(pre_act(x_BCHW) if pre_act else x_BCHW)))
        return out


class SeparableConv2d(nn.Module):
    """3x3 depthwise -> norm -> act -> 1x1 pointwise -> norm -> act.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        stride: step of the depthwise convolution, in pixels.
        dilation: distance between its taps, in pixels.
        norm_eps: epsilon of the batch norms; None leaves both out.
        activation: ReLU after the norms (exit flow, ASPP, decoder); False for none at all.
        norm_between: whether norm and act also stand between the two convolutions, as in DeepLab;
            False for Keras' original, which has one norm after the pair.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        norm_eps: float | None,
        activation: bool,
        norm_between: bool = True,
    ) -> None:
        super().__init__()
        self.depthwise = ConvNormAct(
            in_channels,
            in_channels,
            3,
            stride=stride,
            dilation=dilation,
            groups=in_channels,
            norm_eps=norm_eps if norm_between else None,
            activation=activation and norm_between,
        )
        self.pointwise = ConvNormAct(
            in_channels, out_channels, 1, norm_eps=norm_eps, activation=activation
        )

    def forward(self, x_BCHW: Tensor, pre_act: nn.Module | None = None) -> Tensor:
        """Map B x in_channels x H x W to B x out_channels x ceil(H / stride) x ceil(W / stride).

        `pre_act` is applied before.
        """
        out: Tensor = self.pointwise(self.depthwise(x_BCHW, pre_act))
        return out


class StochasticDepth(nn.Module):
    """Random removal of a residual branch for single samples in training (Huang et al., ECCV 2016).

    The remaining ones are divided by their probability, so that the mean is that of evaluation.

    Args:
        probability: to drop a sample's branch, 0 to below 1.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return the branch, zero for the samples that skip it."""
        if not (self.training and self.probability):
            return x_BCHW
        survival = 1 - self.probability
        shape = (len(x_BCHW), *[1] * (x_BCHW.dim() - 1))
        mask_B111 = torch.empty(shape, dtype=x_BCHW.dtype, device=x_BCHW.device)
        return x_BCHW * mask_B111.bernoulli_(survival).div_(survival)


def rising_probabilities(last: float, count: int) -> list[float]:
    """Return probabilities from `last / count` up to `last`, linearly (Huang et al., section 3).

    Raises:
        ConfigError: `last` outside 0 to below 1.
    """
    if not 0 <= last < 1:
        raise ConfigError(f"stochastic_depth {last}; allowed: 0 to below 1")
    return [last * (index + 1) / count for index in range(count)]


class XceptionModule(nn.Module):
    """Separable convolutions with a skip; the stride sits in the last one.

    Args:
        in_channels: channels of the input.
        depths: output channels of each separable convolution.
        skip: `conv` (strided 1x1 and norm, on the input before any ReLU), `sum` (identity), `none`.
        stride: step of the module, in pixels.
        dilations: dilation of each separable convolution.
        norm_eps: epsilon of the batch norms.
        activation_inside: False puts a ReLU before each separable convolution and none inside;
            True (the last module of a network) the other way round.
        norm_between: see `SeparableConv2d`.
        drop_probability: of `StochasticDepth`, on what is added to the skip.
    """

    def __init__(
        self,
        in_channels: int,
        depths: Sequence[int],
        *,
        skip: Skip,
        stride: int = 1,
        dilations: Sequence[int],
        norm_eps: float,
        activation_inside: bool = False,
        norm_between: bool = True,
        drop_probability: float = 0.0,
    ) -> None:
        super().__init__()
        widths = (in_channels, *depths)
        last = len(depths) - 1
        self.convs = nn.ModuleList(
            SeparableConv2d(
                widths[index],
                widths[index + 1],
                stride=stride if index == last else 1,
                dilation=dilations[index],
                norm_eps=norm_eps,
                activation=activation_inside,
                norm_between=norm_between,
            )
            for index in range(len(depths))
        )
        pre_act = nn.Identity if activation_inside else nn.ReLU
        self.pre_acts = nn.ModuleList(pre_act() for _ in depths)
        self.skip = skip_connection(skip, in_channels, depths[-1], stride, norm_eps)
        self.stochastic_depth = StochasticDepth(drop_probability)

    def forward(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Return the module's output and its tap.

        The tap is the output of the last separable convolution but one, before any following ReLU
        and at the input's size: the low-level feature of DeepLabV3+.
        """
        out = x_BCHW
        tap = x_BCHW
        for index, (conv, pre_act) in enumerate(zip(self.convs, self.pre_acts, strict=True)):
            separable = isinstance(conv, SeparableConv2d)
            out = conv(out, pre_act) if separable else conv(pre_act(out))
            tap = out if index == len(self.convs) - 2 else tap
        if self.skip is not None:
            out = self.stochastic_depth(out) + self.skip(x_BCHW)
        return out, tap


def skip_connection(
    skip: Skip, in_channels: int, out_channels: int, stride: int, norm_eps: float | None
) -> nn.Module | None:
    """Create the branch that is added to a module's output; None for no branch."""
    if skip == "none":
        return None
    if skip == "sum":
        return nn.Identity()
    return ConvNormAct(
        in_channels, out_channels, 1, stride=stride, norm_eps=norm_eps, activation=False
    )


def initialize(module: nn.Module, *, logits: nn.Conv2d | None = None) -> None:
    """Initialize by He's normal over the fan-out (He et al. 2015), nine for a 3x3 depthwise one.

    The layer of the logits, if there is one, starts with small weights.

    TensorFlow's truncated normal of 0.09 is tuned to long schedules; with batch norm everywhere the
    He scale makes the weights of each layer move at the same relative rate, which short runs need.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            fan_out = layer.out_channels // layer.groups * math.prod(layer.kernel_size)
            nn.init.normal_(layer.weight, std=math.sqrt(2 / fan_out))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)
    if logits is not None:
        nn.init.normal_(logits.weight, std=_LOGITS_STD)


def resize(x_BCHW: Tensor, size_HW: Sequence[int] | torch.Size) -> Tensor:
    """Resize bilinearly with coinciding corner pixels (DeepLab's convention everywhere)."""
    height, width = size_HW
    return nn.functional.interpolate(
        x_BCHW, size=(height, width), mode="bilinear", align_corners=True
    )
