"""When a claim counts as reproduced: intervals of paired differences."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

Kind = Literal["better", "no worse", "no matter"]
Verdict = Literal["reproduced", "not reproduced", "undecided"]
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean difference and what it may be.

    Attributes:
        mean: of the differences; None where there is none.
        low, high: the 95 % interval; None where fewer than two differences, or such that do not
            vary at all, say nothing of chance.
        count: how many differences.
    """

    mean: float | None
    low: float | None
    high: float | None
    count: int


def paired_interval(differences: Sequence[float]) -> Interval:
    """Student's interval of the mean of differences, each of one pair."""
    count = len(differences)
    if not count:
        return Interval(None, None, None, 0)
    mean = fmean(differences)
    spread = stdev(differences) if count > 1 else 0.0
    if spread <= 1e-12:
        return Interval(mean, None, None, count)
    from scipy.special import stdtrit

    half = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2)) * spread / math.sqrt(count)
    return Interval(mean, mean - half, mean + half, count)


def judge(interval: Interval, kind: Kind, margin: float) -> Verdict:
    """Where an interval lies.

    Args:
        interval: of the claimed side minus the other, more being better.
        kind: `better`: above 0; `no worse`: above -margin; `no matter`: within the margin.
        margin: the smallest difference that would matter, above 0.

    Returns:
        `not reproduced` where all of the interval lies where the claim does not hold.
    """
    if interval.low is None or interval.high is None:
        return "undecided"
    least, most = {
        "better": (0.0, math.inf),
        "no worse": (-margin, math.inf),
        "no matter": (-margin, margin),
    }[kind]
    if least < interval.low and interval.high < most:
        return "reproduced"
    if interval.high < least or interval.low > most:
        return "not reproduced"
    return "undecided"


def joint(verdicts: Sequence[Verdict]) -> Verdict:
    """Of a claim that rests on several comparisons: all of them, or one against it."""
    if verdicts and set(verdicts) == {"reproduced"}:
        return "reproduced"
    return "not reproduced" if "not reproduced" in verdicts else "undecided"
