"""Markdown tables of the cost of networks."""

from collections.abc import Sequence

from seg.profiling.encoders import Classification
from seg.profiling.summary import Description, Row, Saving


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


def encoders_table(networks: Sequence[Classification]) -> str:
    """Format classifiers, the cheapest first."""
    lines = [
        "| classifier | image | parameters | multiply-adds | top-1 | source |",
        "|---|---|---|---|---|---|",
    ]
    for each in networks:
        top1 = "" if each.top1_percent is None else f"{each.top1_percent:.2f}"
        lines.append(
            f"| {each.name} | {each.image_px} px | {each.parameters / 1e6:.2f} M |"
            f" {each.multiply_adds / 1e9:.2f} G | {top1} | {each.source} |"
        )
    return "\n".join(lines)
