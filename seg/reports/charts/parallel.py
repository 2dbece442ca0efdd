"""Parallel coordinates: an axis a choice, a line a trial, the result last."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from seg.reports.charts.markup import element, path, svg
from seg.reports.charts.scales import Scale
from seg.reports.number_format import shorten

_LONGEST = 20


@dataclass(frozen=True)
class Strand:
    """A line through all axes.

    Attributes:
        description: text for the pointer.
        shade: 0 (worst) to 1 (best), its color; None: it has not been compared.
        best: whether it stands out.
    """

    description: str
    shade: float | None
    best: bool = False


def parallel_coordinates(
    scales: Sequence[Scale], strands: Sequence[Strand], title: str, hint: str
) -> Markup:
    """Draw lines from axis to axis, the better ones in the stronger color, the best on top.

    Each scale has a place for every strand. The hint stands below until a line is pointed at.
    """
    across = [100 * at / max(1, len(scales) - 1) for at in range(len(scales))]
    marks = [path([(x, 0), (x, 100)], class_="axis") for x in across]
    order = sorted(  # the best on top, those without a value at the bottom
        range(len(strands)),
        key=lambda index: (
            strands[index].best,
            -1.0 if (shade := strands[index].shade) is None else shade,
        ),
    )
    for index in order:
        heights = (100 * (1 - scale.places[index]) for scale in scales)
        marks.append(_strand(strands[index], list(zip(across, heights, strict=True))))
    area = element(
        "div",
        svg(*marks, aria_label=title),
        *(_ticks(scale, x) for scale, x in zip(scales, across, strict=True)),
        class_="area",
    )
    ramp = element("li", "worse", element("i", class_="ramp"), "better")
    best = element("li", element("i", class_="key best-key"), "the best")
    legend = element("ul", ramp, best, class_="legend")
    names = (_name(scale, x) for scale, x in zip(scales, across, strict=True))
    axes = element(
        "div",
        element("div", *names, class_="names"),
        area,
        class_="axes",
        style=f"--axes:{len(scales)}",
    )
    return element(
        "figure",
        element("figcaption", element("b", title), legend),
        element("div", axes, class_="scroll", tabindex="0", role="region", aria_label=title),
        element("p", hint, class_="said note", aria_live="polite"),
        class_="chart parallel",
        data_strands="",
    )


def _strand(strand: Strand, points: list[tuple[float, float]]) -> Markup:
    """Draw a line, with a wider invisible one that catches the pointer."""
    kind = "best-one" if strand.best else ("shaded" if strand.shade is not None else "apart")
    return element(
        "g",
        element("title", strand.description),
        path(points, class_="reach"),
        path(points, class_="line"),
        class_=f"strand {kind}",
        style=None if strand.shade is None else f"--shade:{100 * strand.shade:.0f}%",
        data_said=strand.description,
    )


def _ticks(scale: Scale, x: float) -> Markup:
    """Draw the texts at an axis."""
    spans = (
        element(
            "span",
            shorten(text, _LONGEST),
            title=text if len(text) > _LONGEST else None,
            style=f"left:{x:.3f}%;top:{100 * (1 - place):.2f}%",
        )
        for place, text in scale.ticks
    )
    return element("div", *spans, class_="ticks", aria_hidden="true")


def _name(scale: Scale, x: float) -> Markup:
    """Draw the name above an axis."""
    parts = [element("code", scale.name.rpartition(".")[2])]
    if scale.logarithmic:
        parts.append(element("small", "log"))
    return element("span", *parts, style=f"left:{x:.3f}%", title=scale.name)
