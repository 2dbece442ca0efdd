"""Holds a sweep against the claims."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from seg.models.variants import Variant
from seg.reports.run_reader import Points, read_runs
from seg.sweeps.trials import Sweep, Trial
from seg.xception_paper.costs import Counted, Saved, count_form, savings
from seg.xception_paper.paired_test import Interval, Verdict, joint, judge, paired_interval
from seg.xception_paper.paper import CLAIMS, Claim, Comparison
from seg.xception_paper.variants import Form, base_of, forms_of, paired

# One point of accuracy or IoU: as much as the paper's whole lead over Inception V3 (0.8).
MARGIN = 0.01


@dataclass(frozen=True)
class Compared:
    """One comparison.

    Attributes:
        against: names the other side.
        interval: of the claimed side minus the other, more being better.
        verdict: of this comparison.
        missing: pairs that are not in it, and why.
        claimed, other: cost of the two sides, where they are known.
    """

    against: str
    interval: Interval
    verdict: Verdict
    missing: Sequence[str]
    claimed: Counted | None
    other: Counted | None


@dataclass(frozen=True)
class Answer:
    """What a sweep says of a claim; `saved` where costs belong to it."""

    claim: Claim
    verdict: Verdict
    compared: Sequence[Compared]
    saved: Saved | None = None


@dataclass(frozen=True)
class Findings:
    """All that a sweep says.

    Attributes:
        base: the form that others are compared with.
        forms: what was tried.
        costs: of each form, where it is known.
        answers: one a claim.
        beside: further forms against the base, which no claim speaks of.
        curves: of each form the mean of its trials' validations.
    """

    base: Variant
    forms: Mapping[Variant, Form]
    costs: Mapping[Variant, Counted | None]
    answers: Sequence[Answer]
    beside: Mapping[Variant, Compared]
    curves: Mapping[Variant, Points]


def find(directory: Path, sweep: Sweep, margin: float = MARGIN) -> Findings:
    """Hold a sweep against the claims.

    Args:
        directory: of the sweep; curves and costs come from its trials' folders.
        sweep: what it knows.
        margin: the smallest difference of the monitored value that would matter.

    Raises:
        DataError: a choice of `encoder.variant` that is no form.
    """
    forms = forms_of(sweep)
    base = base_of(forms)
    curves = {
        trial.number: _curve(directory, sweep, trial)
        for form in forms.values()
        for trial in form.trials.values()
    }
    bench = _Bench(sweep, forms, base, margin, curves, _costs(directory, forms))
    used = {
        replace(base, **side)
        for claim in CLAIMS
        for each in claim.comparisons
        for side in (each.claimed, each.other)
    }
    beside = {
        variant: bench.compare(variant, base, "the paper's form", CLAIMS[0])
        for variant in forms
        if variant not in used
    }
    return Findings(
        base,
        forms,
        bench.costs,
        [bench.answer(claim) for claim in CLAIMS],
        beside,
        {variant: _mean_curve(form, curves) for variant, form in forms.items()},
    )


@dataclass(frozen=True)
class _Bench:
    sweep: Sweep
    forms: Mapping[Variant, Form]
    base: Variant
    margin: float
    curves: Mapping[int, Points]
    costs: Mapping[Variant, Counted | None]

    def answer(self, claim: Claim) -> Answer:
        compared = [
            self.compare(
                replace(self.base, **each.claimed),
                replace(self.base, **each.other),
                each.against,
                claim,
            )
            for each in self._made(claim)
        ]
        verdict = joint([each.verdict for each in compared])
        if not claim.costs:
            return Answer(claim, verdict, compared)
        saved = savings(compared[0].claimed, compared[0].other)
        counted: Verdict = "undecided"
        if saved is not None:
            counted = "reproduced" if saved.agrees else "not reproduced"
        return Answer(claim, joint([verdict, counted]), compared, saved)

    def compare(self, claimed: Variant, other: Variant, against: str, claim: Claim) -> Compared:
        found = paired(self.forms.get(claimed), self.forms.get(other), self._measure(claim))
        sign = 1 if self.sweep.maximize else -1
        interval = paired_interval([sign * each for each in found.differences])
        verdict = judge(interval, claim.kind, self.margin)
        costs = (self.costs.get(claimed), self.costs.get(other))
        return Compared(against, interval, verdict, found.missing, *costs)

    def _made(self, claim: Claim) -> Sequence[Comparison]:
        if not claim.any_of:
            return claim.comparisons
        sides = [
            (each, replace(self.base, **each.claimed), replace(self.base, **each.other))
            for each in claim.comparisons
        ]
        return [each for each, *both in sides if all(side in self.forms for side in both)]

    def _measure(self, claim: Claim) -> Callable[[Trial], float | None]:
        return self._speed if claim.measure == "speed" else lambda trial: trial.value

    def _speed(self, trial: Trial) -> float | None:
        values = [value for _, value in self.curves[trial.number]]
        return fmean(values) if len(values) > 1 else None


def _curve(directory: Path, sweep: Sweep, trial: Trial) -> Points:
    (run,) = read_runs([directory / str(trial.number)])
    return run.series(sweep.monitor)


def _mean_curve(form: Form, curves: Mapping[int, Points]) -> Points:
    """Up to where all finished trials have been validated."""
    known = [curves[trial.number] for trial in form.finished if curves[trial.number]]
    return [
        (points[0][0], fmean(value for _, value in points)) for points in zip(*known, strict=False)
    ]


def _costs(directory: Path, forms: Mapping[Variant, Form]) -> dict[Variant, Counted | None]:
    return {variant: count_form(directory, form) for variant, form in forms.items()}
