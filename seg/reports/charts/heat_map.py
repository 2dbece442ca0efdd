"""A confusion matrix: labels down, predictions across, each row as shares of its label."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from seg.reports.charts.bars import Color, rgb
from seg.reports.charts.markup import element
from seg.reports.number_format import percent, shorten

_WIDTH_PX, _CELL_PX, _SMALL_CELL_PX = 540, (27, 46), 12
_LETTER_PX = 6.6
_MOST_WITH_NUMBERS = 30
_LEAST_SHARE, _LEAST_TITLED, _LEAST_NUMBERED = 0.002, 0.005, 0.01
_DARK = 0.66
_LONGEST_NAME = 22


@dataclass(frozen=True)
class _Layout:
    """Sizes of the matrix and the class names at its sides."""

    names: Sequence[str]
    cell_px: int
    margin_px: int
    numbered: bool

    def left(self, column: int) -> int:
        """Return the position of a column or row, in px."""
        return self.margin_px + column * self.cell_px


def heat_map(
    confusion: Sequence[Sequence[int]],
    names: Sequence[str],
    colors: Sequence[Color] | None = None,
) -> Markup:
    """Draw pixels by label (row) and prediction (column) with class names at the sides.

    The darker a cell, the larger the share of its label. Colors of classes become swatches.
    """
    numbered = len(names) <= _MOST_WITH_NUMBERS
    longest = max(len(shorten(name, _LONGEST_NAME)) for name in names)
    least, most = _CELL_PX
    cell_px = min(most, max(least, _WIDTH_PX // len(names))) if numbered else _SMALL_CELL_PX
    layout = _Layout(names, cell_px, round(longest * _LETTER_PX) + 30, numbered)
    parts = []
    for place, name in enumerate(names):
        x, y = layout.left(place) + cell_px / 2 + 4, layout.margin_px - 8
        text, turn = shorten(name, _LONGEST_NAME), f"rotate(-90 {x:g} {y:g})"
        parts.append(element("text", text, x=x, y=y, transform=turn, class_="name"))
    for place, row in enumerate(confusion):
        parts += _row_name(place, layout, colors[place] if colors else None)
        parts += _cells(row, place, layout)
    size = layout.left(len(names)) + 4
    return element(
        "svg",
        *parts,
        viewBox=f"0 0 {size} {size}",
        width=size,
        height=size,
        class_="heat-map",
        role="img",
        aria_label="confusion matrix: rows are labels, columns predictions",
    )


def most_confused(
    confusion: Sequence[Sequence[int]], names: Sequence[str], count: int = 8
) -> list[tuple[str, str, float, int]]:
    """List the largest confusions: `(label, prediction, share of the label, pixels)`."""
    pairs = [
        (names[label], names[other], pixels / sum(row), pixels)
        for label, row in enumerate(confusion)
        for other, pixels in enumerate(row)
        if other != label and pixels
    ]
    return sorted(pairs, key=lambda each: (-each[3], each[0], each[1]))[:count]


def _row_name(place: int, layout: _Layout, color: Color | None) -> list[Markup]:
    """Draw a class name and its color before its row."""
    middle = layout.left(place) + layout.cell_px / 2
    name, x = shorten(layout.names[place], _LONGEST_NAME), layout.margin_px - 24
    parts = [element("text", name, x=x, y=middle + 4, text_anchor="end", class_="name")]
    if color is not None:
        size = min(11, layout.cell_px - 2)
        parts.append(
            element(
                "rect",
                x=layout.margin_px - 18,
                y=middle - size / 2,
                width=size,
                height=size,
                rx=2,
                class_="swatch",
                style=f"fill:{rgb(color)}",
            )
        )
    return parts


def _cells(row: Sequence[int], label: int, layout: _Layout) -> list[Markup]:
    """Draw the cells of a row with a share worth drawing: tooltip and, if there is room, number."""
    total, top, size = sum(row), layout.left(label), layout.cell_px - 1
    width = len(row) * layout.cell_px - 1
    parts = [element("rect", x=layout.margin_px, y=top, width=width, height=size, class_="empty")]
    names, middle = layout.names, layout.cell_px / 2
    for place, pixels in enumerate(row):
        share, left = pixels / total if total else 0.0, layout.left(place)
        if share < _LEAST_SHARE:
            continue
        tooltip = f"{names[label]} → {names[place]}: {percent(share)} %, {pixels:,} pixels"
        title = [element("title", tooltip)] if share >= _LEAST_TITLED else []
        strength = share**0.6  # small confusions stay visible
        kind = "cell right" if place == label else "cell"
        box = {"x": left, "y": top, "width": size, "height": size}
        parts.append(element("rect", *title, **box, class_=kind, fill_opacity=strength))
        if layout.numbered and share >= _LEAST_NUMBERED:
            color = "number on-dark" if strength > _DARK else "number"
            at = {"x": left + middle - 0.5, "y": top + middle + 3.5, "text_anchor": "middle"}
            parts.append(element("text", percent(share, 0), **at, class_=color))
    return parts
