"""Shares of 0 to 1 as horizontal bars with their intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from seg.reports.charts.markup import element, path, svg
from seg.reports.number_format import percent, percent_range

Color = tuple[int, int, int]
_THIN = 10


@dataclass(frozen=True)
class Bar:
    """A bar.

    Attributes:
        value: 0 to 1; None: not defined.
        interval: its 95 % interval.
        role: CSS class that gives its color; `class` is the color of the row.
        name: for the tooltip.
    """

    value: float | None
    interval: tuple[float, float] | None = None
    role: str = "class"
    name: str = ""


@dataclass(frozen=True)
class Row:
    """The bars of one class or key.

    Attributes:
        name: of the class or key.
        bars: one, or one a run.
        color: of the class.
    """

    name: str
    bars: Sequence[Bar]
    color: Color | None = None


def bar_chart(rows: Sequence[Row], title: str, *, top: float = 1.0, digits: int = 1) -> Markup:
    """Draw rows of name, bars and numbers in hundredths; the value `top` fills the width."""
    return element(
        "div",
        *(_row(row, top, digits) for row in rows),
        class_="bars",
        role="list",
        aria_label=title,
    )


def swatch(color: Color | None) -> Markup:
    """Draw a small square in the color of a class; nothing without a color."""
    if color is None:
        return Markup("")
    return element("i", class_="swatch", style=f"background:{rgb(color)}")


def rgb(color: Color) -> str:
    """Return a color for CSS."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def _row(row: Row, most: float, digits: int) -> Markup:
    """Draw name, bars and numbers of a row."""
    height = max(1, len(row.bars))
    marks = [path([(x, 0), (x, _THIN * height)], class_="grid") for x in (25, 50, 75, 100)]
    for place, bar in enumerate(row.bars):
        marks += _bar(row, bar, place, 100 / most)
    chart = svg(
        *marks,
        height=_THIN * height,
        aria_hidden="true",
        class_="bar-track",
        style=f"--bars:{height}",
    )
    numbers = (
        element("span", percent(bar.value, digits))
        if bar.interval is None
        else element(
            "span", percent(bar.value, digits), element("small", percent_range(bar.interval))
        )
        for bar in row.bars
    )
    return element(
        "div",
        element("span", swatch(row.color), row.name, class_="bar-name", title=row.name),
        chart,
        element("span", *numbers, class_="bar-value"),
        class_="bar-row",
        role="listitem",
    )


def _bar(row: Row, bar: Bar, place: int, length: float) -> list[Markup]:
    """Draw a bar with its interval; nothing without a value."""
    if bar.value is None:
        return []
    top = _THIN * place
    tooltip = f"{bar.name or row.name}: {percent(bar.value, 2)} %"
    if bar.interval is not None:
        tooltip += f", 95 % interval {percent_range(bar.interval)}"
    fill = rgb(row.color) if bar.role == "class" and row.color else None
    marks = [
        element(
            "rect",
            element("title", tooltip),
            x=0,
            y=top + 1.5,
            width=max(0.2, length * bar.value),
            height=_THIN - 3,
            class_=f"bar {bar.role}",
            style=f"fill:{fill}" if fill else None,
            vector_effect="non-scaling-stroke",
        )
    ]
    if bar.interval is not None:
        low, high = (length * bound for bound in bar.interval)
        middle = top + _THIN / 2
        marks.append(path([(low, middle), (high, middle)], class_="whisker-halo"))
        marks.append(path([(low, middle), (high, middle)], class_="whisker"))
    return marks
