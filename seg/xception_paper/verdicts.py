"""Comparison of a sweep with the claims of the paper."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean

from seg.models.variants import Variant
from seg.reports.run_reader import Points, read_runs
from seg.sweeps.trials import Sweep, Trial
from seg.xception_paper.costs import EncoderCost, Savings, count_form, savings
from seg.xception_paper.paired_test import Interval, Verdict, joint, judge, paired_interval
from seg.xception_paper.paper import CLAIMS, Claim
from seg.xception_paper.variants import Form, base_of, forms_of, paired_differences

# One point of accuracy or IoU, about the paper's lead over Inception V3 (0.8).
MARGIN = 0.01


@dataclass(frozen=True)
class ComparisonResult:
    """Result of one comparison.

    Attributes:
        against: name of the other side.
        interval: of the favored side minus the other, larger being better.
        verdict: of this comparison.
        missing: pairs that are not in it, and why.
        favored, other: costs of the two sides, if known.
    """

    against: str
    interval: Interval
    verdict: Verdict
    missing: Sequence[str]
    favored: EncoderCost | None
    other: EncoderCost | None


@dataclass(frozen=True)
class ClaimResult:
    """Result for a claim.

    Attributes:
        claim: the claim.
        verdict: of all comparisons, and of the costs if they are part of the claim.
        comparisons: the results of its comparisons.
        saved: the costs, if they are part of the claim.
    """

    claim: Claim
    verdict: Verdict
    comparisons: Sequence[ComparisonResult]
    saved: Savings | None = None


@dataclass(frozen=True)
class Findings:
    """All results of a sweep.

    Attributes:
        base: the form that others are compared with.
        forms: the forms that were tried.
        costs: of each form, if known.
        claims: one result for each claim.
        beside: further forms against the base, of which the paper claims nothing.
        curves: of each form the mean of its trials' validations.
    """

    base: Variant
    forms: Mapping[Variant, Form]
    costs: Mapping[Variant, EncoderCost | None]
    claims: Sequence[ClaimResult]
    beside: Mapping[Variant, ComparisonResult]
    curves: Mapping[Variant, Points]


def judge_claims(directory: Path, sweep: Sweep, margin: float = MARGIN) -> Findings:
    """Compare a sweep with the claims.

    Args:
        directory: of the sweep; curves and costs come from its trials' run directories.
        sweep: its record.
        margin: smallest difference of the monitored value that matters.

    Raises:
        DataError: a choice of `encoder.variant` that is no form.
    """
    forms = forms_of(sweep)
    base = base_of(forms)
    curves = {}
    for form in forms.values():
        for trial in form.trials.values():
            (run,) = read_runs([trial.run_dir(directory)])
            curves[trial.number] = run.series(sweep.monitor)
    costs = {variant: count_form(directory, form) for variant, form in forms.items()}
    bench = _Bench(sweep, forms, base, margin, curves, costs)
    used = {
        replace(base, **side)
        for claim in CLAIMS
        for each in claim.comparisons
        for side in (each.favored, each.other)
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
    """Compares forms and tests claims."""

    sweep: Sweep
    forms: Mapping[Variant, Form]
    base: Variant
    margin: float
    curves: Mapping[int, Points]
    costs: Mapping[Variant, EncoderCost | None]

    def answer(self, claim: Claim) -> ClaimResult:
        sides = [
            (replace(self.base, **each.favored), replace(self.base, **each.other), each.against)
            for each in claim.comparisons
        ]
        if claim.any_of:
            sides = [each for each in sides if each[0] in self.forms and each[1] in self.forms]
        compared = [self.compare(*each, claim) for each in sides]
        verdict = joint([each.verdict for each in compared])
        if not claim.costs:
            return ClaimResult(claim, verdict, compared)
        saved = savings(compared[0].favored, compared[0].other)
        counted: Verdict = "undecided"
        if saved is not None:
            counted = "reproduced" if saved.agrees else "not reproduced"
        return ClaimResult(claim, joint([verdict, counted]), compared, saved)

    def compare(
        self, favored: Variant, other: Variant, against: str, claim: Claim
    ) -> ComparisonResult:
        """Compare two forms under a claim's kind and measure."""
        forms = (self.forms.get(favored), self.forms.get(other))
        differences, missing = paired_differences(*forms, partial(self._measure, claim))
        sign = 1 if self.sweep.maximize else -1
        interval = paired_interval([sign * each for each in differences])
        verdict = judge(interval, claim.kind, self.margin)
        costs = (self.costs.get(favored), self.costs.get(other))
        return ComparisonResult(against, interval, verdict, missing, *costs)

    def _measure(self, claim: Claim, trial: Trial) -> float | None:
        """Return a trial's score, or its speed: None for fewer than two validations."""
        if claim.measure == "score":
            return trial.value
        values = [value for _, value in self.curves[trial.number]]
        return fmean(values) if len(values) > 1 else None


def _mean_curve(form: Form, curves: Mapping[int, Points]) -> Points:
    """Return the mean curve, up to where all finished trials have been validated."""
    known = [curves[trial.number] for trial in form.finished if curves[trial.number]]
    return [
        (points[0][0], fmean(value for _, value in points)) for points in zip(*known, strict=False)
    ]
