"""The frame of charts of numbers over numbers: caption, grid and two axes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from seg.reports.charts.axis import label, ticks
from seg.reports.charts.markup import element, joined, path, svg


@dataclass(frozen=True)
class Frame:
    """Bounds of a chart and the text of its axes.

    Attributes:
        x, y: lower and upper bounds, the first below the second.
        format_value: returns a value of `y` as text.
        across: what `x` counts.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    format_value: Callable[[float], str]
    across: str = "step"

    def at(self, point: tuple[float, float]) -> tuple[float, float]:
        """Return a point in hundredths from the left and from the top; heights stay inside."""
        (left, right), (bottom, top) = self.x, self.y
        height = 100 * (top - point[1]) / (top - bottom)
        return 100 * (point[0] - left) / (right - left), min(100.0, max(0.0, height))

    def around(self, marks: Sequence[Markup], title: str, legend: Sequence[Markup]) -> Markup:
        """Return the figure around marks in hundredths, the last on top."""
        (left, right), (bottom, top) = self.x, self.y
        x_ticks = ticks(left, right, 4)
        heights = [(100 * (top - value) / (top - bottom), value) for value in ticks(bottom, top)]
        grid = joined(path([(0, y), (100, y)], class_="grid") for y, _ in heights)
        y_texts = (
            element("span", self.format_value(value), style=f"top:{y:.2f}%") for y, value in heights
        )
        x_texts = (
            element(
                "span",
                label(value, x_ticks),
                style=f"left:{100 * (value - left) / (right - left):.2f}%",
            )
            for value in x_ticks
        )
        across = element("em", self.across)
        return element(
            "figure",
            element("figcaption", element("b", title), element("ul", *legend, class_="legend")),
            element(
                "div",
                element("div", *y_texts, class_="y-axis", aria_hidden="true"),
                element("div", svg(grid, *marks, aria_label=title), class_="area"),
                element("div", across, *x_texts, class_="x-axis", aria_hidden="true"),
                class_="plot",
            ),
            class_="chart",
        )


def key(role: str, name: str) -> Markup:
    """Return an entry of a legend."""
    return element("li", element("i", class_=f"key {role}"), name)
