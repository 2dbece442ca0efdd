"""Axes of parallel coordinates: of numbers, evenly or by their logarithm, or of choices."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from seg.reports.charts.axis import label, ticks
from seg.reports.number_format import NONE, significant

_LOG_FROM_DECADES = 1.5
_FEW = 6
_BOTTOM_OF_THE_KNOWN = 0.14  # if some have no value: those are at 0
_LEAST_DISTANCE = 0.06


@dataclass(frozen=True)
class Scale:
    """An axis.

    Attributes:
        name: of the key.
        places: of each trial, 0 (bottom) to 1 (top).
        ticks: `(place, text)`, from the bottom up.
        logarithmic: whether equal distances are equal factors.
    """

    name: str
    places: Sequence[float]
    ticks: Sequence[tuple[float, str]]
    logarithmic: bool = False


def number_scale(
    name: str,
    values: Sequence[float | None],
    format_value: Callable[[float], str] | None = None,
) -> Scale:
    """Return an axis of finite numbers; logarithmic if positive ones span more than 1.5 decades.

    None is placed apart, below the others.
    """
    known = sorted({value for value in values if value is not None})
    if not known:
        return Scale(name, [0.0 for _ in values], [(0.0, NONE)])
    low, high = known[0], known[-1]
    logarithmic = low > 0 and math.log10(high / low) > _LOG_FROM_DECADES
    bottom = _BOTTOM_OF_THE_KNOWN if None in values else 0.0

    def place(value: float) -> float:
        if high == low:
            return bottom + (1 - bottom) / 2
        one = math.log(value / low) / math.log(high / low) if logarithmic else 0.0
        return bottom + (1 - bottom) * (one if logarithmic else (value - low) / (high - low))

    marked = known if len(known) <= _FEW else _marked(low, high, logarithmic)
    text = format_value or (_digits(marked) if len(known) > _FEW else "{:.6g}".format)
    texts = [(0.0, NONE)] if bottom else []
    texts += [(place(value), text(value)) for value in marked]
    places = [0.0 if value is None else place(value) for value in values]
    return Scale(name, places, _apart(texts), logarithmic)


def choice_scale(name: str, texts: Sequence[str]) -> Scale:
    """Return an axis of choices at equal distances, the first that appears on top."""
    order = list(dict.fromkeys(texts))
    most = len(order) - 1
    place = {text: 1 - at / most if most else 0.5 for at, text in enumerate(order)}
    ticks_up = sorted((place[text], text) for text in order)
    return Scale(name, [place[text] for text in texts], _apart(ticks_up))


def _marked(low: float, high: float, logarithmic: bool) -> list[float]:
    """Return the numbers of the ticks."""
    if not logarithmic:
        return ticks(low, high, 4)
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    return sorted({low, high, *(10.0**power for power in range(first, last + 1))})


def _digits(marked: Sequence[float]) -> Callable[[float], str]:
    """Return the formatter of ticks: with the digits of their distance if they are even."""
    steps = [b - a for a, b in pairwise(marked)]
    even = all(math.isclose(step, steps[0], rel_tol=1e-6) for step in steps)
    return (lambda value: label(value, marked)) if steps and even else significant


def _apart(texts: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Drop texts that would overlap the next one; both ends stay."""
    apart: list[tuple[float, str]] = []
    for place, text in texts:
        while len(apart) > 1 and place == texts[-1][0] and place - apart[-1][0] < _LEAST_DISTANCE:
            apart.pop()
        if not apart or place - apart[-1][0] >= _LEAST_DISTANCE:
            apart.append((place, text))
    return apart
