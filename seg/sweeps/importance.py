"""Importance of each swept key: the share of the variance of the values that it explains.

Grids have no study for Optuna's importances, which measure something else (PED-ANOVA).
"""

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
    """Importance of a key.

    Attributes:
        key: the swept key.
        share: eta squared, 0 to 1; None: every trial has its own group, or all values are equal.
        groups: number of groups.
        quartiles: whether the groups are quarters of a number's values.
    """

    key: str
    share: float | None
    groups: int
    quartiles: bool


def importances(sweep: Sweep) -> list[Importance]:
    """Return the importance of each key with several values among finished trials, largest first.

    One-way eta squared (Fisher 1925; Cohen 1973): the sum of squares between the means of the
    key's groups, by the sum of squares of all values. Interactions of keys are not seen.
    """
    ranked = sweep.ranked()
    values = [trial.value for trial in ranked if trial.value is not None]
    result = []
    for key in sweep.swept:
        groups, quartiles = _groups(key, ranked)
        count = len(set(groups))
        if count > 1:
            share = eta_squared(groups, values) if count < len(groups) else None
            result.append(Importance(key, share, count, quartiles))
    return sorted(result, key=lambda each: -1.0 if each.share is None else each.share, reverse=True)


def eta_squared(groups: Sequence[object], values: Sequence[float]) -> float | None:
    """Return the share of the variance of `values` between the groups; None without variance."""
    mean = fmean(values)
    total = math.fsum((value - mean) ** 2 for value in values)
    members: dict[object, list[float]] = {}
    for group, value in zip(groups, values, strict=True):
        members.setdefault(group, []).append(value)
    between = math.fsum(len(each) * (fmean(each) - mean) ** 2 for each in members.values())
    return min(1.0, between / total) if total > 0 else None


def numbers_of(key: str, trials: Sequence[Trial]) -> list[float | None] | None:
    """Return the values of a key as numbers, None for a trial without it.

    Returns:
        None if some value is no finite number.
    """
    texts = [trial.choices.get(key) for trial in trials]
    try:
        numbers = [None if text is None else float(text) for text in texts]
    except ValueError:
        return None
    known = [value for value in numbers if value is not None]
    return numbers if known and all(map(math.isfinite, known)) else None


def _groups(key: str, trials: Sequence[Trial]) -> tuple[list[object], bool]:
    """Return each trial's group of a key's values, and whether groups are quarters of numbers."""
    numbers = numbers_of(key, trials)

    if numbers is None:
        return [trial.choices.get(key, ABSENT) for trial in trials], False
    known = [number for number in numbers if number is not None]
    if len(set(known)) <= _MOST_VALUES:
        return list(numbers), False
    edges = quantiles(known, n=4, method="inclusive")
    return [None if each is None else bisect_left(edges, each) for each in numbers], True
