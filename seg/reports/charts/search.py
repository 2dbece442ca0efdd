"""The progress of a search: a mark a trial by number, and the best value so far."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from seg.reports.charts.axis import around
from seg.reports.charts.frame import Frame, key
from seg.reports.charts.markup import dot, path

_ROLES = {"finished": "train", "pruned": "soft", "failed": "bad"}


@dataclass(frozen=True)
class Mark:
    """A trial.

    Attributes:
        number: of the trial.
        value: None: it has none, and is drawn at the bottom.
        state: finished, pruned or failed.
    """

    number: int
    value: float | None
    state: Literal["finished", "pruned", "failed"]


def search_chart(
    marks: Sequence[Mark], *, title: str, format_value: Callable[[float], str], maximize: bool
) -> Markup:
    """Draw values over numbers, with a line of the best finished one so far.

    The marks are sorted by number; at least one has a value.
    """
    values = [mark.value for mark in marks if mark.value is not None]
    numbers = [mark.number for mark in marks]
    x = (min(numbers) - 0.5, max(numbers) + 0.5)
    frame = Frame(x, around(min(values), max(values)), format_value, across="trial")
    drawn = []
    steps = _running_best(marks, maximize)
    if steps:
        drawn.append(path([frame.at(point) for point in steps], class_="line val"))
    for mark in marks:
        value = frame.y[0] if mark.value is None else mark.value
        text = "no value" if mark.value is None else format_value(mark.value)
        tooltip = f"trial {mark.number}, {mark.state}: {text}"
        drawn.append(
            dot(*frame.at((mark.number, value)), tooltip, class_=f"dot {_ROLES[mark.state]}")
        )
    states = [state for state in _ROLES if any(mark.state == state for mark in marks)]
    legend = [key(_ROLES[state], state) for state in states]
    return frame.around(drawn, title, [*legend, *([key("val", "best so far")] if steps else [])])


def _running_best(marks: Sequence[Mark], maximize: bool) -> list[tuple[float, float]]:
    """Return the corners of the steps, up to the last trial."""
    better = max if maximize else min
    points: list[tuple[float, float]] = []
    for mark in marks:
        if mark.state != "finished" or mark.value is None:
            continue
        best = better(mark.value, points[-1][1]) if points else mark.value
        if points:
            points.append((mark.number, points[-1][1]))
        points.append((mark.number, best))
    if points:
        points.append((marks[-1].number, points[-1][1]))
    return points
