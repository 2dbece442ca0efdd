"""How a search went: a mark a trial in the order of their numbers, and the best so far."""

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
        value: None: it has none, and stands at the bottom.
        state: finished, pruned or failed.
    """

    number: int
    value: float | None
    state: Literal["finished", "pruned", "failed"]


def search_chart(
    marks: Sequence[Mark], *, title: str, shown: Callable[[float], str], maximize: bool
) -> Markup:
    """Values over numbers, with a line of the best finished one so far.

    Args:
        marks: in the order of their numbers; at least one has a value.
        title: for the caption and for those who cannot see it.
        shown: a value as text.
        maximize: whether more is better.
    """
    values = [mark.value for mark in marks if mark.value is not None]
    numbers = [mark.number for mark in marks]
    x = (min(numbers) - 0.5, max(numbers) + 0.5)
    frame = Frame(x, around(min(values), max(values)), shown, across="trial")
    found = []
    steps = _running_best(marks, maximize)
    if steps:
        found.append(path([frame.at(point) for point in steps], class_="line val"))
    for mark in marks:
        value = frame.y[0] if mark.value is None else mark.value
        text = "no value" if mark.value is None else shown(mark.value)
        said = f"trial {mark.number}, {mark.state}: {text}"
        found.append(dot(*frame.at((mark.number, value)), said, class_=f"dot {_ROLES[mark.state]}"))
    states = [state for state in _ROLES if any(mark.state == state for mark in marks)]
    legend = [key(_ROLES[state], state) for state in states]
    return frame.around(found, title, [*legend, *([key("val", "best so far")] if steps else [])])


def _running_best(marks: Sequence[Mark], maximize: bool) -> list[tuple[float, float]]:
    """Corners of the steps, up to the last trial."""
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
