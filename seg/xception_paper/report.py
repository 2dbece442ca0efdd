"""`claims.json` and `claims.md`: a sentence a claim, and what the forms scored and cost."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from seg.io.atomic import write_atomically, write_json
from seg.models.variants import Variant
from seg.reports.number_format import NONE, duration, percent, significant, whole
from seg.reports.run_reader import Points
from seg.sweeps.trials import Sweep
from seg.xception_paper.variants import KEY, name_of, place_words, seeds_alone
from seg.xception_paper.verdicts import MARGIN, Answer, Compared, Findings, find

JSON_FILE, TEXT_FILE = "claims.json", "claims.md"
_HEADER = ("form", "trials", "mean", "spread", "parameters", "multiply-adds", "time a trial")


@dataclass(frozen=True)
class Section:
    """A part of a report, as plain data.

    Attributes:
        title: of the part.
        sentences: one a line.
        header, rows: of its table; empty: none.
        curves: name -> (step, value); empty: none.
    """

    title: str
    sentences: Sequence[str] = ()
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    curves: Mapping[str, Points] = field(default_factory=dict)


def write_claims(directory: Path, sweep: Sweep, *, margin: float = MARGIN) -> list[Section]:
    """Hold a sweep over `encoder.variant` against the paper; write both files.

    Args:
        directory: of the sweep, where the files go.
        sweep: what it knows.
        margin: the smallest difference of the monitored value that would matter.

    Returns:
        what the files tell, for a page.

    Raises:
        DataError: a choice that is no form, or a damaged file of a trial.
    """
    findings = find(directory, sweep, margin)
    words = _Words(sweep, findings, margin)
    sections = [words.claims(), words.forms(), words.beside()]
    sections = [each for each in sections if each.sentences or each.rows]
    write_json(directory / JSON_FILE, _plain(findings, sweep, margin, words))
    text = "\n\n".join(_markdown(section) for section in sections) + "\n"
    write_atomically(directory / TEXT_FILE, lambda file: file.write(text.encode()))
    return sections


@dataclass(frozen=True)
class _Words:
    sweep: Sweep
    findings: Findings
    margin: float

    def claims(self) -> Section:
        sentences = [self.sentence(answer) for answer in self.findings.answers]
        return Section(
            f"Claims of the Xception paper, by {self.sweep.monitor}",
            [*sentences, self._how()],
        )

    def forms(self) -> Section:
        found = self.findings
        rows, curves = [], {}
        for variant, form in found.forms.items():
            cost, name = found.costs[variant], name_of(variant, found.base)
            rows.append(
                (
                    name,
                    f"{len(form.finished)} of {len(form.trials)}",
                    self._value(form.mean),
                    self._value(form.spread),
                    whole(cost.parameters if cost else None),
                    whole(cost.multiply_adds if cost else None),
                    duration(form.seconds) if form.seconds is not None else NONE,
                )
            )
            if found.curves[variant]:
                curves[name] = found.curves[variant]
        sizes = sorted({cost.size_px for cost in found.costs.values() if cost})
        counted = ", ".join(f"{height} x {width}" for height, width in sizes)
        note = [f"Costs are the encoder's, for a picture of {counted}."] if counted else []
        return Section("Forms of the separable convolution", note, _HEADER, rows, curves)

    def beside(self) -> Section:
        """Forms of which the paper claims nothing."""
        found = self.findings
        return Section(
            "Further forms, of which the paper claims nothing",
            [
                f"{name_of(variant, found.base)}: {self._number(compared)} over the paper's form"
                f"{_missing_note(compared)}."
                for variant, compared in found.beside.items()
            ],
        )

    def sentence(self, answer: Answer) -> str:
        """The verdict, the claim, the numbers, the source."""
        claim = answer.claim
        numbers = [
            f"{self._number(each)} over {each.against}{_costs(each)}{_missing_note(each)}"
            for each in answer.compared
        ]
        if not numbers:
            numbers = ["the sweep lacks the forms that this rests on"]
        if claim.costs:
            numbers.append(_saved(answer))
        what = ", by the mean of all validations" if claim.measure == "speed" else ""
        margin = {
            "better": "",
            "no worse": f" (by less than {self._difference(self.margin)} if at all)",
            "no matter": f" (by less than {self._difference(self.margin)} if at all)",
        }[claim.kind]
        told = "; ".join(numbers)
        return f"{answer.verdict}: {claim.text}{what}{margin}: {told}. ({claim.source})"

    def _how(self) -> str:
        pairs = "seed" if seeds_alone(self.findings.forms) else "all other choices"
        return (
            f"Differences are paired by {pairs}; in brackets the 95 % interval of their mean "
            "(Student's t), each by itself. Reproduced: all of it lies where the claim holds; not "
            "reproduced: all of it lies where it does not."
        )

    def _number(self, compared: Compared) -> str:
        interval = compared.interval
        if interval.mean is None:
            return f"no pair{_bracketless(compared)}"
        mean = self._difference(interval.mean, signed=True)
        noun = "seed" if seeds_alone(self.findings.forms) else "pair"
        count = f"{interval.count} {noun}{'s' if interval.count != 1 else ''}"
        if interval.low is None or interval.high is None:
            return f"{mean} ({count}, no interval)"
        low, high = (self._bare(each) for each in (interval.low, interval.high))
        return f"{mean} ({low} to {high}, {count})"

    def _difference(self, value: float, *, signed: bool = False) -> str:
        text = self._bare(value) if signed else self._bare(value).lstrip("+")
        return f"{text} points" if self._is_share else text

    def _bare(self, value: float) -> str:
        return f"{100 * value:+.1f}" if self._is_share else f"{value:+.4g}"

    def _value(self, value: float | None) -> str:
        return percent(value) if self._is_share else significant(value)

    @property
    def _is_share(self) -> bool:
        return not self.sweep.monitor.endswith("loss")


def _bracketless(compared: Compared) -> str:
    return "" if compared.missing else " was tried"


def _missing_note(compared: Compared) -> str:
    return f" [left out: {', '.join(compared.missing)}]" if compared.missing else ""


def _costs(compared: Compared) -> str:
    """Only where they differ by more than a tenth."""
    ours, theirs = compared.claimed, compared.other
    if ours is None or theirs is None:
        return ""
    ratio = ours.parameters / theirs.parameters
    if 0.9 < ratio < 1.1:
        return ""
    spent = ours.multiply_adds / theirs.multiply_adds
    return f", with {ratio:.2f} times the parameters and {spent:.2f} times the multiply-adds"


def _saved(answer: Answer) -> str:
    saved = answer.saved
    if saved is None:
        return "costs could not be counted"
    return (
        f"its convolutions cost {100 * saved.share:.1f} % of the full ones, and in each of "
        f"{saved.layers} layers 1/M + 1/K^2 (largest difference {100 * saved.largest_gap:.2f} %)"
    )


def _plain(findings: Findings, sweep: Sweep, margin: float, words: _Words) -> dict[str, Any]:
    return {
        "monitor": sweep.monitor,
        "maximize": sweep.maximize,
        "margin": margin,
        "claims": [_plain_answer(answer, words) for answer in findings.answers],
        "forms": [_plain_form(variant, findings) for variant in findings.forms],
    }


def _plain_answer(answer: Answer, words: _Words) -> dict[str, Any]:
    return {
        "key": answer.claim.key,
        "claim": answer.claim.text,
        "source": answer.claim.source,
        "kind": answer.claim.kind,
        "measure": answer.claim.measure,
        "verdict": answer.verdict,
        "sentence": words.sentence(answer),
        "comparisons": [_plain_comparison(each) for each in answer.compared],
        "saved": None if answer.saved is None else asdict(answer.saved),
    }


def _plain_comparison(compared: Compared) -> dict[str, Any]:
    return {
        "against": compared.against,
        **asdict(compared.interval),
        "verdict": compared.verdict,
        "missing": list(compared.missing),
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


def _markdown(section: Section) -> str:
    lines = [f"## {section.title}", "", *(f"- {each}" for each in section.sentences)]
    if section.rows:
        lines += ["", _line(section.header), _line(["---"] * len(section.header))]
        lines += [_line(row) for row in section.rows]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
