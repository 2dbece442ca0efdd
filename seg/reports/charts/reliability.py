"""A reliability diagram: accuracy over confidence."""

from collections.abc import Sequence

from markupsafe import Markup

from seg.reports.charts.markup import element, path, svg
from seg.reports.number_format import percent

_QUARTERS = (0, 25, 50, 75, 100)


def reliability_diagram(
    edges: Sequence[float],
    count: Sequence[float],
    confidence: Sequence[float | None],
    accuracy: Sequence[float | None],
) -> Markup:
    """Draw accuracy over confidence, the gap to equality shaded, above a histogram of the pixels.

    There is one edge more than there are bins. Means of empty bins are None.
    """
    marks = [path([(0, y), (100, y)], class_="grid") for y in _QUARTERS]
    bars = [
        _bin(low, high, pixels, sure, right)
        for low, high, pixels, sure, right in zip(
            edges, edges[1:], count, confidence, accuracy, strict=False
        )
        if pixels and sure is not None and right is not None
    ]
    diagonal = path([(0, 100), (100, 0)], class_="diagonal")
    title = "reliability diagram: accuracy over confidence"
    area = element("div", svg(*marks, *bars, diagonal, aria_label=title), class_="area")
    levels = (element("span", str(100 - y), style=f"top:{y}%") for y in _QUARTERS)
    sides = (element("span", str(x), style=f"left:{x}%") for x in _QUARTERS)
    return element(
        "div",
        element("div", *levels, element("em", "accuracy, %"), class_="y-axis", aria_hidden="true"),
        area,
        element("div", _histogram(edges, count), class_="counts"),
        element("div", *sides, element("em", "confidence, %"), class_="x-axis", aria_hidden="true"),
        class_="plot square",
    )


def _bin(low: float, high: float, pixels: float, sure: float, right: float) -> Markup:
    """Draw a bin with its tooltip."""
    left, width = 100 * low + 0.3, 100 * (high - low) - 0.6
    title = (
        f"confidence {percent(low, 0)} to {percent(high, 0)} %: mean {percent(sure)} %, "
        f"right {percent(right)} %, {pixels:,.0f} pixels"
    )
    above = max(sure, right)
    return element(
        "g",
        element("title", title),
        element(
            "rect", x=left, y=100 - 100 * right, width=width, height=100 * right, class_="accuracy"
        ),
        element(
            "rect",
            x=left,
            y=100 - 100 * above,
            width=width,
            height=100 * abs(sure - right),
            class_="gap over" if sure > right else "gap under",
        ),
    )


def _histogram(edges: Sequence[float], count: Sequence[float]) -> Markup:
    """Draw the share of the pixels in each bin."""
    total = sum(count) or 1.0
    most = max(count, default=0.0) or 1.0
    bars = [
        element(
            "rect",
            element(
                "title",
                f"{percent(low, 0)} to {percent(high, 0)} %: "
                f"{percent(pixels / total)} % of the pixels",
            ),
            x=100 * low + 0.3,
            y=20 - 20 * pixels / most,
            width=100 * (high - low) - 0.6,
            height=20 * pixels / most,
            class_="count",
        )
        for low, high, pixels in zip(edges, edges[1:], count, strict=False)
    ]
    return svg(*bars, height=20, aria_label="share of the pixels by confidence")
