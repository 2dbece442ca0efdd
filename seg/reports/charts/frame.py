"""What charts of numbers over numbers stand in: caption, grid and two axes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from seg.reports.charts.axis import label, ticks
from seg.reports.charts.markup import element, joined, path, svg


@dataclass(frozen=True)
class Frame:
    """Bounds of a chart, and how its axes are told.

    Attributes:
        x, y: least and most of what is shown, the first below the second.
        shown: a value of `y` as text.
        across: what `x` counts.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    shown: Callable[[float], str]
    across: str = "step"

    def at(self, point: tuple[float, float]) -> tuple[float, float]:
        """A point in hundredths from the left and from the top; heights stay inside."""
        (left, right), (bottom, top) = self.x, self.y
        height = 100 * (top - point[1]) / (top - bottom)
        return 100 * (point[0] - left) / (right - left), min(100.0, max(0.0, height))

    def around(self, marks: Sequence[Markup], title: str, legend: Sequence[Markup]) -> Markup:
        """The figure.

        Args:
            marks: in hundredths, the last on top.
            title: for the caption and for those who cannot see it.
            legend: entries of a list.
        """
        area = element("div", svg(self._grid(), *marks, aria_label=title), class_="area")
        entries = element("ul", *legend, class_="legend")
        return element(
            "figure",
            element("figcaption", element("b", title), entries),
            element("div", self._y_axis(), area, self._x_axis(), class_="plot"),
            class_="chart",
        )

    def _height(self, value: float) -> float:
        bottom, top = self.y
        return 100 * (top - value) / (top - bottom)

    def _grid(self) -> Markup:
        heights = map(self._height, ticks(*self.y))
        return joined(path([(0, y), (100, y)], class_="grid") for y in heights)

    def _y_axis(self) -> Markup:
        spans = (
            element("span", self.shown(value), style=f"top:{self._height(value):.2f}%")
            for value in ticks(*self.y)
        )
        return element("div", *spans, class_="y-axis", aria_hidden="true")

    def _x_axis(self) -> Markup:
        left, right = self.x
        found = ticks(left, right, 4)
        spans = (
            element(
                "span",
                label(value, found),
                style=f"left:{100 * (value - left) / (right - left):.2f}%",
            )
            for value in found
        )
        return element(
            "div", element("em", self.across), *spans, class_="x-axis", aria_hidden="true"
        )


def key(role: str, name: str) -> Markup:
    """An entry of a legend."""
    return element("li", element("i", class_=f"key {role}"), name)
