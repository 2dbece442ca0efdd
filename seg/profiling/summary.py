"""Summary of a network, flow by flow and layer by layer, with its Markdown tables."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from seg.models.blocks import SeparableConv2d
from seg.profiling.flops import Cost, count, saved_bytes
from seg.profiling.receptive_field import Field, receptive_fields

Shape = tuple[int, int, int]
_MIB = 2**20


@dataclass(frozen=True)
class Row:
    """Cost of a part of a network, or of all of it.

    Attributes:
        name: of the module; empty for the network.
        parameters: how many.
        multiply_adds: of convolutions and linear layers, for one image.
        activation_mib: what training saves for the backward pass, for one image in float32.
        receptive_field_px: side of what a value of its last map sees; None: the whole image.
        stride_px: pixels between the fields of two neighbours; None where the output is no map.
    """

    name: str
    parameters: int
    multiply_adds: int
    activation_mib: float
    receptive_field_px: int | None
    stride_px: float | None


@dataclass(frozen=True)
class Description:
    """Rows of the network itself, of its flows and of its layers, with the cost of every module."""

    whole: Row
    flows: tuple[Row, ...]
    layers: tuple[Row, ...]
    cost: Cost


@dataclass(frozen=True)
class Saving:
    """Saving by one separable convolution in place of a full one.

    Attributes:
        name: of the module.
        outputs: its output channels, M.
        kernel: side of its kernel, K.
        counted: multiply-adds over those of the full convolution, counted.
    """

    name: str
    outputs: int
    kernel: int
    counted: float

    @property
    def formula(self) -> float:
        """Return 1/M + 1/K^2 (Howard et al., "MobileNets", 2017, section 3.1)."""
        return 1 / self.outputs + 1 / self.kernel**2


def describe(model: nn.Module, shape: Shape) -> Description:
    """Count a network of `encoder` and `decoder`; nothing is computed.

    Args:
        model: takes one tensor.
        shape: channels, height and width of the image.
    """
    input_shape = (1, *shape)
    cost = count(model, input_shape)
    fields = receptive_fields(model, input_shape)
    saved = saved_bytes(model, input_shape)
    layers = {
        name: part
        for name, part in cost.modules().items()
        if not part.parts and (part.parameters or part.multiply_adds or saved.get(name))
    }
    flows = {
        f"{outer}.{inner}": part
        for outer, half in cost.parts.items()
        for inner, part in half.parts.items()
        if part.parameters
    }
    return Description(
        _row("", cost, fields, saved),
        tuple(_row(name, part, fields, saved) for name, part in flows.items()),
        tuple(_row(name, part, fields, saved) for name, part in layers.items()),
        cost,
    )


def savings(model: nn.Module, separable: Description, full: Description) -> list[Saving]:
    """Return what each separable convolution saves.

    Args:
        model: with separable convolutions.
        separable: description of `model`.
        full: description of the same network with full convolutions.
    """
    ours, theirs = (each.cost.modules() for each in (separable, full))
    return [
        Saving(
            name,
            module.pointwise.conv.out_channels,
            module.depthwise.conv.kernel_size[0],
            ours[name].multiply_adds / theirs[name].multiply_adds,
        )
        for name, module in model.named_modules()
        if isinstance(module, SeparableConv2d) and theirs[name].multiply_adds
    ]


def _row(name: str, cost: Cost, fields: Mapping[str, Field], saved: Mapping[str, int]) -> Row:
    field = fields.get(name)
    seen = None if field is None or math.isinf(field.size_px) else round(field.size_px)
    inside = sum(
        amount
        for module, amount in saved.items()
        if not name or module == name or module.startswith(f"{name}.")
    )
    jump = None if field is None else round(field.jump_px, 2)
    return Row(name, cost.parameters, cost.multiply_adds, inside / _MIB, seen, jump)


def network_table(description: Description, *, layers: bool) -> str:
    """Format the flows, or all layers, and the whole network."""
    lines = [
        "| part | parameters | multiply-adds | saved for training | receptive field | stride |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_line(row) for row in (description.layers if layers else description.flows)]
    return "\n".join([*lines, _line(description.whole)])


def _line(row: Row) -> str:
    seen = "all" if row.receptive_field_px is None else f"{row.receptive_field_px} px"
    stride = "" if row.stride_px is None else f"{row.stride_px:g} px"
    return (
        f"| {row.name or 'all'} | {row.parameters / 1e6:.3f} M | {row.multiply_adds / 1e9:.3f} G |"
        f" {row.activation_mib:.1f} MiB | {seen if row.stride_px else ''} | {stride} |"
    )


def savings_table(savings: Sequence[Saving]) -> str:
    """Format the savings, a line for each number of output channels."""
    lines = [
        "| separable convolutions with M outputs | how many | multiply-adds over a convolution's "
        "| 1/M + 1/K^2 |",
        "|---|---|---|---|",
    ]
    for outputs, kernel in sorted({(each.outputs, each.kernel) for each in savings}):
        alike = [each for each in savings if (each.outputs, each.kernel) == (outputs, kernel)]
        counted = sorted({round(each.counted, 4) for each in alike})
        ratios = " to ".join(f"{ratio:.4f}" for ratio in (counted[0], counted[-1])[: len(counted)])
        lines.append(
            f"| {outputs}, {kernel} x {kernel} | {len(alike)} | {ratios} | {alike[0].formula:.4f} |"
        )
    return "\n".join(lines)
