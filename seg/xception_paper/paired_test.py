"""Verdicts on claims by confidence intervals of paired differences."""

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
    """Mean of differences with its 95 % confidence interval.

    Attributes:
        mean: None without differences.
        low, high: the interval; None for fewer than two differences, or if they do not vary.
        count: number of differences.
    """

    mean: float | None
    low: float | None
    high: float | None
    count: int


def paired_interval(differences: Sequence[float]) -> Interval:
    """Return Student's interval of the mean of differences, each of one pair."""
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
    """Return the verdict on a claim by where an interval lies.

    Args:
        interval: of the favored side minus the other, larger being better.
        kind: `better`: above 0; `no worse`: above -margin; `no matter`: within the margin.
        margin: smallest difference that matters, above 0.

    Returns:
        `not reproduced` if all of the interval lies where the claim does not hold.
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
    """Return the verdict on a claim that several comparisons must support."""
    if verdicts and set(verdicts) == {"reproduced"}:
        return "reproduced"
    return "not reproduced" if "not reproduced" in verdicts else "undecided"
