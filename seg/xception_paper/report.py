"""`claims.json` and `claims.md`: a sentence a claim, and scores and costs of the forms."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from seg.io.atomic import write_atomically, write_json
from seg.models.variants import Variant
from seg.reports.number_format import NONE, duration, percent, significant, whole
from seg.reports.run_reader import Points
from seg.sweeps.trials import Sweep
from seg.xception_paper.costs import Savings
from seg.xception_paper.variants import KEY, name_of, place_words, seeds_alone
from seg.xception_paper.verdicts import (
    MARGIN,
    ClaimResult,
    ComparisonResult,
    Findings,
    judge_claims,
)

JSON_FILE, TEXT_FILE = "claims.json", "claims.md"
_HEADER = ("form", "trials", "mean", "spread", "parameters", "multiply-adds", "time a trial")


@dataclass(frozen=True)
class ClaimsPart:
    """A part of the report, as plain data.

    Attributes:
        title: heading of the part.
        sentences: one a line.
        header, rows: its table; empty without one.
        curves: name -> (step, value); empty without any.
    """

    title: str
    sentences: Sequence[str] = ()
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    curves: Mapping[str, Points] = field(default_factory=dict)


def write_claims(directory: Path, sweep: Sweep, *, margin: float = MARGIN) -> list[ClaimsPart]:
    """Compare a sweep over `encoder.variant` with the paper; write both files.

    Args:
        directory: of the sweep, where the files go.
        sweep: its record.
        margin: smallest difference of the monitored value that matters.

    Returns:
        the parts of the files, for a page.

    Raises:
        DataError: a choice that is no form, or a damaged file of a trial.
    """
    findings = judge_claims(directory, sweep, margin)
    words = _Words(sweep, findings, margin)
    sections = [words.claims(), words.forms(), words.beside()]
    sections = [each for each in sections if each.sentences or each.rows]
    write_json(directory / JSON_FILE, _plain(words))
    text = "\n\n".join(map(_markdown, sections)) + "\n"
    write_atomically(directory / TEXT_FILE, lambda file: file.write(text.encode()))
    return sections


@dataclass(frozen=True)
class _Words:
    """Writes the findings as sentences and tables."""

    sweep: Sweep
    findings: Findings
    margin: float

    def claims(self) -> ClaimsPart:
        """Return a sentence for each claim; the last explains pairs, intervals and verdicts."""
        pairs = "seed" if seeds_alone(self.findings.forms) else "all other choices"
        how = (
            f"Differences are paired by {pairs}; in brackets the 95 % interval of their mean "
            "(Student's t), each by itself. Reproduced: all of it lies where the claim holds; not "
            "reproduced: all of it lies where it does not."
        )
        sentences = [*map(self.sentence, self.findings.claims), how]
        return ClaimsPart(f"Claims of the Xception paper, by {self.sweep.monitor}", sentences)

    def forms(self) -> ClaimsPart:
        """Return scores, costs and curves of each form."""
        findings, rows, curves = self.findings, [], {}
        in_value = percent if self._is_share else significant
        for variant, form in findings.forms.items():
            cost, name = findings.costs[variant], name_of(variant, findings.base)
            rows.append(
                (
                    name,
                    f"{len(form.finished)} of {len(form.trials)}",
                    in_value(form.mean),
                    in_value(form.spread),
                    whole(cost.parameters if cost else None),
                    whole(cost.multiply_adds if cost else None),
                    duration(form.seconds) if form.seconds is not None else NONE,
                )
            )
            if findings.curves[variant]:
                curves[name] = findings.curves[variant]
        sizes = sorted({cost.size_px for cost in findings.costs.values() if cost})
        counted = ", ".join(f"{height} x {width}" for height, width in sizes)
        note = [f"Costs are the encoder's, for an image of {counted}."] if counted else []
        return ClaimsPart("Forms of the separable convolution", note, _HEADER, rows, curves)

    def beside(self) -> ClaimsPart:
        """Return the differences of forms of which the paper claims nothing."""
        findings = self.findings
        return ClaimsPart(
            "Further forms, of which the paper claims nothing",
            [
                f"{name_of(variant, findings.base)}: {self._number(result)} over the paper's form"
                f"{_missing_note(result)}."
                for variant, result in findings.beside.items()
            ],
        )

    def sentence(self, claim_result: ClaimResult) -> str:
        """Return verdict, claim, numbers and source of a claim in one sentence."""
        claim = claim_result.claim
        numbers = [
            f"{self._number(each)} over {each.against}{_costs(each)}{_missing_note(each)}"
            for each in claim_result.comparisons
        ]
        if not numbers:
            numbers = ["the sweep lacks the forms that this rests on"]
        if claim.costs:
            numbers.append(_saved(claim_result.saved))
        what = ", by the mean of all validations" if claim.measure == "speed" else ""
        margin = {
            "better": "",
            "no worse": f" (by less than {self._difference(self.margin)} if at all)",
            "no matter": f" (by less than {self._difference(self.margin)} if at all)",
        }[claim.kind]
        verdict = f"{claim_result.verdict}: {claim.text}{what}{margin}"
        return f"{verdict}: {'; '.join(numbers)}. ({claim.source})"

    def _number(self, result: ComparisonResult) -> str:
        """Return a mean difference with its interval and the number of pairs."""
        interval = result.interval
        if interval.mean is None:
            return "no pair" if result.missing else "no pair was tried"
        mean = self._difference(interval.mean, signed=True)
        noun = "seed" if seeds_alone(self.findings.forms) else "pair"
        count = f"{interval.count} {noun}{'s' if interval.count != 1 else ''}"
        if interval.low is None or interval.high is None:
            return f"{mean} ({count}, no interval)"
        low, high = (self._bare(each) for each in (interval.low, interval.high))
        return f"{mean} ({low} to {high}, {count})"

    def _difference(self, value: float, *, signed: bool = False) -> str:
        """Return a difference with its unit."""
        text = self._bare(value) if signed else self._bare(value).lstrip("+")
        return f"{text} points" if self._is_share else text

    def _bare(self, value: float) -> str:
        """Return a difference with its sign: in hundredths for shares."""
        return f"{100 * value:+.1f}" if self._is_share else f"{value:+.4g}"

    @property
    def _is_share(self) -> bool:
        return not self.sweep.monitor.endswith("loss")


def _missing_note(result: ComparisonResult) -> str:
    """List the pairs that are not counted, in brackets."""
    return f" [left out: {', '.join(result.missing)}]" if result.missing else ""


def _costs(result: ComparisonResult) -> str:
    """Return the ratios of the costs if they differ by more than a tenth, else nothing."""
    ours, theirs = result.favored, result.other
    if ours is None or theirs is None:
        return ""
    ratio = ours.parameters / theirs.parameters
    if 0.9 < ratio < 1.1:
        return ""
    spent = ours.multiply_adds / theirs.multiply_adds
    return f", with {ratio:.2f} times the parameters and {spent:.2f} times the multiply-adds"


def _saved(saved: Savings | None) -> str:
    """Describe the cost of separable convolutions beside full ones."""
    if saved is None:
        return "costs could not be counted"
    return (
        f"its convolutions cost {100 * saved.share:.1f} % of the full ones, and in each of "
        f"{saved.layers} layers 1/M + 1/K^2 (largest difference {100 * saved.largest_gap:.2f} %)"
    )


def _plain(words: _Words) -> dict[str, Any]:
    """Return the content of `claims.json`."""
    return {
        "monitor": words.sweep.monitor,
        "maximize": words.sweep.maximize,
        "margin": words.margin,
        "claims": [
            {
                "key": each.claim.key,
                "claim": each.claim.text,
                "source": each.claim.source,
                "kind": each.claim.kind,
                "measure": each.claim.measure,
                "verdict": each.verdict,
                "sentence": words.sentence(each),
                "comparisons": [_plain_comparison(compared) for compared in each.comparisons],
                "saved": None if each.saved is None else asdict(each.saved),
            }
            for each in words.findings.claims
        ],
        "forms": [_plain_form(variant, words.findings) for variant in words.findings.forms],
    }


def _plain_comparison(result: ComparisonResult) -> dict[str, Any]:
    return {
        "against": result.against,
        **asdict(result.interval),
        "verdict": result.verdict,
        "missing": list(result.missing),
    }


def _plain_form(variant: Variant, findings: Findings) -> dict[str, Any]:
    form, cost = findings.forms[variant], findings.costs[variant]
    beside = findings.beside.get(variant)
    return {
        "name": name_of(variant, findings.base),
        KEY: asdict(variant),
        "values": {place_words(p): t.value for p, t in form.trials.items() if t in form.finished},
        "mean": form.mean,
        "spread": form.spread,
        "seconds": form.seconds,
        "parameters": None if cost is None else cost.parameters,
        "multiply_adds": None if cost is None else cost.multiply_adds,
        "curve": [list(point) for point in findings.curves[variant]],
        # against the base; of forms that no claim speaks of
        "beside": None if beside is None else _plain_comparison(beside),
    }


def _markdown(section: ClaimsPart) -> str:
    lines = [f"## {section.title}", "", *(f"- {each}" for each in section.sentences)]
    if section.rows:
        lines += ["", _line(section.header), _line(["---"] * len(section.header))]
        lines += [_line(row) for row in section.rows]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
