"""Curves over optimizer steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from markupsafe import Markup

from seg.reports.charts.axis import around
from seg.reports.charts.frame import Frame, key
from seg.reports.charts.markup import dot, element, path, svg

Points = Sequence[tuple[float, float]]
_MOST_POINTS = 400
_MOST_DOTS = 60
_SPREAD = 0.005  # share of loss values that may lie above the chart


@dataclass(frozen=True)
class Line:
    """A curve.

    Attributes:
        name: in the legend.
        points: `(step, value)`, in their order.
        role: CSS class that gives its color: `train`, `val`, `run-1` ...
        faint: drawn thin behind the others, and not in the legend.
        dotted: with a mark at each point.
        shade: 0 to 1, for many lines of one kind: named by a tooltip, not in the legend.
    """

    name: str
    points: Points
    role: str
    faint: bool = False
    dotted: bool = False
    shade: float | None = None


def line_chart(
    lines: Sequence[Line],
    *,
    title: str,
    format_value: Callable[[float], str],
    from_zero: bool = True,
    best: tuple[float, float] | None = None,
    cut: float = _SPREAD,
) -> Markup:
    """Draw curves in one frame, with axes and a legend.

    Args:
        lines: at least one has points; those without are left out.
        title: caption and text alternative for screen readers.
        format_value: returns a value as text, for axis and tooltips.
        from_zero: whether the axis of values begins at 0.
        best: a point that gets a ring.
        cut: share of the values that may lie above the chart.
    """
    lines = [line for line in lines if line.points]
    drawn = [line for line in lines if not line.faint] or lines
    values = sorted(y for line in drawn for _, y in line.points)
    low, high = values[0], values[-1 - int(cut * len(values))]
    frame = Frame(
        _bounds([0.0, *(x for line in lines for x, _ in line.points)]),
        around(min(0.0, low) if from_zero else low, high),
        format_value,
    )
    marks = []
    for line in sorted(lines, key=lambda each: not each.faint):
        marks += _draw_line(line, frame)
    if best is not None:
        tooltip = f"best, step {best[0] + 1:,.0f}: {format_value(best[1])}"
        marks += [
            dot(*frame.at(best), tooltip, class_=f"dot best {ring}") for ring in ("outer", "inner")
        ]
    named = [line for line in lines if not line.faint and line.shade is None]
    return frame.around(marks, title, [key(line.role, line.name) for line in named])


def sparkline(points: Points, title: str) -> Markup:
    """Draw a curve without axes, from 0 to 1, for a cell of a table."""
    left, right = _bounds([x for x, _ in points])
    drawn = [(100 * (x - left) / (right - left), 28 - 26 * y) for x, y in _thinned(points)]
    marks = [element("title", title), path(drawn, class_="line val")]
    if drawn:
        marks.append(dot(*drawn[-1], title, class_="dot val"))
    return svg(*marks, height=30, class_="spark", aria_label=title)


def smoothed(points: Points, share: float = 0.025) -> list[tuple[float, float]]:
    """Return means over a window centered at each point, which adds no lag.

    `share` is half of the window, as a share of all points.
    """
    half = round(share * len(points))
    sums = [0.0, *accumulate(y for _, y in points)]
    means = []
    for place, (x, _) in enumerate(points):
        first, end = max(0, place - half), min(len(points), place + half + 1)
        means.append((x, (sums[end] - sums[first]) / (end - first)))
    return means


def _draw_line(line: Line, frame: Frame) -> list[Markup]:
    """Draw a curve, with marks at its points if they are few."""
    points = [frame.at(point) for point in _thinned(line.points)]
    kind = f"line {line.role}{' faint' if line.faint else ''}"
    if line.shade is not None:
        drawn = path(points if len(points) > 1 else points * 2, class_=kind)
        style = f"--shade:{100 * line.shade:.0f}%"
        return [element("g", element("title", line.name), drawn, class_="shaded", style=style)]
    marks = [path(points, class_=kind)]
    if line.dotted and len(points) <= _MOST_DOTS:
        marks += [
            dot(
                *frame.at(point),
                f"{line.name}, step {point[0] + 1:,.0f}: {frame.format_value(point[1])}",
                class_=f"dot {line.role}",
            )
            for point in line.points
        ]
    return marks


def _thinned(points: Points) -> list[tuple[float, float]]:
    """Return at most a few hundred points: means of neighbours."""
    size = -(-len(points) // _MOST_POINTS)
    groups = [points[first : first + size] for first in range(0, len(points), size or 1)]
    return [
        (sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group))
        for group in groups
    ]


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    """Return the bounds of values; widened if they are equal."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    return (low, high) if high > low else (low - 0.5, low + 0.5)
