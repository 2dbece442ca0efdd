"""Other forms of the separable convolution, for the experiments of the Xception paper.

Source: Chollet, "Xception" (CVPR 2017): sections 1.2 and 2 (the spectrum from a convolution over
Inception towers to its extreme), 4.7 (no activation between the two steps), 4.6 (residuals).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from torch import Tensor, nn

from seg.errors import ConfigError
from seg.models.blocks import ConvNormAct, SeparableConv2d, initialize

Order = Literal["depthwise_first", "pointwise_first"]
Between = Literal["none", "relu", "elu"]
_ACTIVATIONS: dict[str, type[nn.Module]] = {"none": nn.Identity, "relu": nn.ReLU, "elu": nn.ELU}


@dataclass(frozen=True)
class Variant:
    """Changes of every separable convolution of a network; the defaults change nothing.

    Attributes:
        order: which of the two steps comes first; Inception modules begin with the 1x1.
        between: the activation between them; None: as the network has it.
        norm_between: whether a batch norm stands between them; None: as the network has it.
        kernel_size: side of the spatial kernel, odd.
        depth_multiplier: spatial kernels a channel.
        towers: groups of channels that a spatial kernel sees: 1 is a convolution across all
            channels, as many as there are channels (None) the depthwise one.
        full: one convolution across space and channels instead of the pair.
        residual: whether modules keep their skip.
    """

    order: Order = "depthwise_first"
    between: Between | None = None
    norm_between: bool | None = None
    kernel_size: int = 3
    depth_multiplier: int = 1
    towers: int | None = None
    full: bool = False
    residual: bool = True

    def __post_init__(self) -> None:
        for name, choices in (("order", get_args(Order)), ("between", (None, *_ACTIVATIONS))):
            if getattr(self, name) not in choices:
                raise _refused(name, getattr(self, name), ", ".join(map(str, choices)))
        if self.kernel_size < 1 or self.kernel_size % 2 == 0:
            raise _refused("kernel_size", self.kernel_size, "odd numbers from 1")
        for name in ("depth_multiplier", "towers"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise _refused(name, value, "1 or more")
        if self.order == "pointwise_first" and self.depth_multiplier != 1:
            raise _refused("depth_multiplier", self.depth_multiplier, "1 with pointwise_first")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Variant":
        """Create it from plain options.

        Raises:
            ConfigError: a name or value that is not allowed.
        """
        allowed = [field.name for field in fields(cls)]
        for name in options:
            if name not in allowed:
                raise ConfigError(
                    f"encoder.variant.{name}: no such key; allowed: {', '.join(allowed)}"
                )
        return cls(**options)


def _refused(name: str, value: object, allowed: str) -> ConfigError:
    return ConfigError(f"encoder.variant.{name}={value}; allowed: {allowed}")


class VariantConv2d(nn.Module):
    """A `SeparableConv2d` of another form; its two steps keep their names.

    Args:
        original: source of channels, stride, dilation, norms and activations.
        variant: the changes.

    Raises:
        ConfigError: towers that do not divide the channels.
    """

    def __init__(self, original: SeparableConv2d, variant: Variant) -> None:
        super().__init__()
        spatial, pointwise = original.depthwise, original.pointwise
        in_channels, out_channels = spatial.conv.in_channels, pointwise.conv.out_channels
        self.pointwise_first = variant.order == "pointwise_first"
        wide = out_channels if self.pointwise_first else in_channels
        groups = wide if variant.towers is None else variant.towers
        if wide % groups:
            raise _refused("towers", groups, f"divisors of {wide} channels")
        first_norm = _middle_eps(variant.norm_between, _eps(spatial), _eps(pointwise))
        last_norm, active = _eps(pointwise), _is_active(pointwise)
        first_is_spatial = not self.pointwise_first
        self.depthwise = ConvNormAct(
            wide,
            wide * variant.depth_multiplier,
            variant.kernel_size,
            stride=spatial.conv.stride[0],
            dilation=spatial.conv.dilation[0],
            groups=groups,
            norm_eps=first_norm if first_is_spatial else last_norm,
            activation=active and not first_is_spatial,
        )
        self.pointwise = ConvNormAct(
            wide * variant.depth_multiplier if first_is_spatial else in_channels,
            out_channels,
            1,
            norm_eps=last_norm if first_is_spatial else first_norm,
            activation=active and first_is_spatial,
        )
        first = self.depthwise if first_is_spatial else self.pointwise
        first.add_module(
            "act", spatial.act if variant.between is None else _ACTIVATIONS[variant.between]()
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Convolve as `SeparableConv2d` does, in the order of the variant."""
        steps = (self.depthwise, self.pointwise)
        for step in reversed(steps) if self.pointwise_first else steps:
            x_BCHW = step(x_BCHW)
        return x_BCHW


def full_convolution(original: SeparableConv2d, kernel_size: int = 3) -> ConvNormAct:
    """Create one convolution for the pair: same channels, stride, dilation, norm, act."""
    spatial, pointwise = original.depthwise, original.pointwise
    return ConvNormAct(
        spatial.conv.in_channels,
        pointwise.conv.out_channels,
        kernel_size,
        stride=spatial.conv.stride[0],
        dilation=spatial.conv.dilation[0],
        norm_eps=_eps(pointwise),
        activation=_is_active(pointwise),
    )


def apply_variant(network: nn.Module, variant: Variant) -> int:
    """Replace every separable convolution of a network, with random weights; return their number.

    Raises:
        ConfigError: towers that do not divide some layer's channels.
    """
    replaced = 0
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, SeparableConv2d):
                other = (
                    full_convolution(child, variant.kernel_size)
                    if variant.full
                    else VariantConv2d(child, variant)
                )
                initialize(other)
                setattr(parent, name, other)
                replaced += 1
        if not variant.residual and getattr(parent, "skip", None) is not None:
            setattr(parent, "skip", None)  # noqa: B010 - for mypy a module holds modules alone
    return replaced


def _eps(step: ConvNormAct) -> float | None:
    return step.norm.eps if isinstance(step.norm, nn.BatchNorm2d) else None


def _is_active(step: ConvNormAct) -> bool:
    return not isinstance(step.act, nn.Identity)


def _middle_eps(norm_between: bool | None, first: float | None, last: float | None) -> float | None:
    """Return the epsilon of the norm between; a new one takes that of the last norm."""
    if norm_between is None:
        return first
    return (last if first is None else first) if norm_between else None
