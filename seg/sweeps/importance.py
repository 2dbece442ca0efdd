"""How much of the spread of a sweep's values goes with each key that was swept."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, quantiles

from seg.sweeps.trials import Sweep, Trial

_MOST_VALUES = 6
ABSENT = "\u2013"


@dataclass(frozen=True)
class Importance:
    """What a key explains.

    Attributes:
        key: that was swept.
        share: eta squared, 0 to 1; None: every trial has its own group, or all values are equal.
        groups: number of groups that were compared.
        quartiles: whether the groups are quarters of a number's values.
    """

    key: str
    share: float | None
    groups: int
    quartiles: bool


def importances(sweep: Sweep) -> list[Importance]:
    """Of each swept key that has more than one value among the finished trials, most first.

    One-way eta squared (Fisher 1925; Cohen 1973): the sum of squares between the means of the
    key's groups, by the sum of squares of all values. Interactions of keys are not seen.
    """
    ranked = sweep.ranked()
    values = [trial.value for trial in ranked if trial.value is not None]
    found = []
    for key in sweep.swept:
        groups, quartiles = _groups(key, ranked)
        if len(set(groups)) > 1:
            told = len(set(groups)) < len(groups)
            share = eta_squared(groups, values) if told else None
            found.append(Importance(key, share, len(set(groups)), quartiles))
    return sorted(found, key=lambda each: -1.0 if each.share is None else each.share, reverse=True)


def eta_squared(groups: Sequence[object], values: Sequence[float]) -> float | None:
    """Share of the variance of `values` that lies between the groups; None where there is none."""
    mean = fmean(values)
    total = math.fsum((value - mean) ** 2 for value in values)
    members: dict[object, list[float]] = {}
    for group, value in zip(groups, values, strict=True):
        members.setdefault(group, []).append(value)
    between = math.fsum(len(each) * (fmean(each) - mean) ** 2 for each in members.values())
    return min(1.0, between / total) if total > 0 else None


def numbers_of(key: str, trials: Sequence[Trial]) -> list[float | None] | None:
    """The values of a key where they are all numbers; None for a trial without it.

    Returns:
        None: some value is no number.
    """
    texts = [trial.choices.get(key) for trial in trials]
    try:
        found = [None if text is None else float(text) for text in texts]
    except ValueError:
        return None
    known = [value for value in found if value is not None]
    return found if known and all(map(math.isfinite, known)) else None


def _groups(key: str, trials: Sequence[Trial]) -> tuple[list[object], bool]:
    numbers = numbers_of(key, trials)
    known = [] if numbers is None else [number for number in numbers if number is not None]
    if numbers is None:
        return [trial.choices.get(key, ABSENT) for trial in trials], False
    if len(set(known)) <= _MOST_VALUES:
        return list(numbers), False
    edges = quantiles(known, n=4, method="inclusive")
    return [None if each is None else bisect_left(edges, each) for each in numbers], True
