"""Curves over optimizer steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from markupsafe import Markup

from seg.reporting.charts.axis import around, label, ticks
from seg.reporting.charts.markup import dot, element, joined, path, svg

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
        role: CSS class that gives its colour: `train`, `val`, `run-1` ...
        faint: drawn thin behind the others, and not in the legend.
        dotted: with a mark at each point.
    """

    name: str
    points: Points
    role: str
    faint: bool = False
    dotted: bool = False


def line_chart(
    lines: Sequence[Line],
    *,
    title: str,
    shown: Callable[[float], str],
    from_zero: bool = True,
    best: tuple[float, float] | None = None,
) -> Markup:
    """Curves in one frame, with axes and a legend.

    Args:
        lines: without points they are left out; at least one has some.
        title: for the caption and for those who cannot see it.
        shown: a value as text, for axis and tooltips.
        from_zero: whether the axis of values begins at 0.
        best: a point that gets a ring.
    """
    lines = [line for line in lines if line.points]
    left, right = _bounds([0.0, *(x for line in lines for x, _ in line.points)])
    bottom, top = _range([line for line in lines if not line.faint] or lines, from_zero)

    def at(point: tuple[float, float]) -> tuple[float, float]:
        height = 100 * (top - point[1]) / (top - bottom)
        return 100 * (point[0] - left) / (right - left), min(100.0, max(0.0, height))

    marks = [_grid(bottom, top)]
    for line in sorted(lines, key=lambda each: not each.faint):
        points = [at(point) for point in _thinned(line.points)]
        marks.append(path(points, class_=f"line {line.role}{' faint' if line.faint else ''}"))
        if line.dotted and len(points) <= _MOST_DOTS:
            marks += [
                dot(
                    *at(point),
                    f"{line.name}, step {point[0] + 1:,.0f}: {shown(point[1])}",
                    class_=f"dot {line.role}",
                )
                for point in line.points
            ]
    if best is not None:
        said = f"best, step {best[0] + 1:,.0f}: {shown(best[1])}"
        marks += [dot(*at(best), said, class_=f"dot best {ring}") for ring in ("outer", "inner")]
    area = element("div", svg(*marks, aria_label=title), class_="area")
    return element(
        "figure",
        element("figcaption", element("b", title), _legend(lines)),
        element("div", _y_axis(bottom, top, shown), area, _x_axis(left, right), class_="plot"),
        class_="chart",
    )


def sparkline(points: Points, title: str) -> Markup:
    """A curve without axes, from 0 to 1, for a cell of a table."""
    left, right = _bounds([x for x, _ in points])
    drawn = [(100 * (x - left) / (right - left), 28 - 26 * y) for x, y in _thinned(points)]
    marks = [element("title", title), path(drawn, class_="line val")]
    if drawn:
        marks.append(dot(*drawn[-1], title, class_="dot val"))
    return svg(*marks, height=30, class_="spark", aria_label=title)


def smoothed(points: Points, share: float = 0.025) -> list[tuple[float, float]]:
    """Means over a window around each point, as far as there are points: without a lag.

    Args:
        points: `(step, value)`.
        share: half of the window, as a share of all points.
    """
    half = round(share * len(points))
    sums = [0.0, *accumulate(y for _, y in points)]
    found = []
    for place, (x, _) in enumerate(points):
        first, end = max(0, place - half), min(len(points), place + half + 1)
        found.append((x, (sums[end] - sums[first]) / (end - first)))
    return found


def _thinned(points: Points) -> list[tuple[float, float]]:
    """At most a few hundred points: means of neighbours."""
    size = -(-len(points) // _MOST_POINTS)
    groups = [points[first : first + size] for first in range(0, len(points), size or 1)]
    return [
        (sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group))
        for group in groups
    ]


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values, default=0.0), max(values, default=1.0)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _range(lines: Sequence[Line], from_zero: bool) -> tuple[float, float]:
    values = sorted(y for line in lines for _, y in line.points)
    high = values[-1 - int(_SPREAD * len(values))]
    return around(min(0.0, values[0]) if from_zero else values[0], high)


def _grid(bottom: float, top: float) -> Markup:
    heights = [100 * (top - value) / (top - bottom) for value in ticks(bottom, top)]
    return joined(path([(0, y), (100, y)], class_="grid") for y in heights)


def _y_axis(bottom: float, top: float, shown: Callable[[float], str]) -> Markup:
    found = ticks(bottom, top)
    spans = (
        element("span", shown(value), style=f"top:{100 * (top - value) / (top - bottom):.2f}%")
        for value in found
    )
    return element("div", *spans, class_="y-axis", aria_hidden="true")


def _x_axis(left: float, right: float) -> Markup:
    found = ticks(left, right, 4)
    spans = (
        element(
            "span", label(value, found), style=f"left:{100 * (value - left) / (right - left):.2f}%"
        )
        for value in found
    )
    return element("div", element("em", "step"), *spans, class_="x-axis", aria_hidden="true")


def _legend(lines: Sequence[Line]) -> Markup:
    entries = [
        element("li", element("i", class_=f"key {line.role}"), line.name)
        for line in lines
        if not line.faint
    ]
    return element("ul", *entries, class_="legend")
