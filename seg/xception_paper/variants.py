"""A sweep's trials by the form of their separable convolutions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from statistics import fmean, stdev
from typing import Any

from seg.errors import DataError
from seg.models.variants import Variant
from seg.sweeps.trials import Sweep, Trial
from seg.xception_paper.paper import PAPER

KEY = "encoder.variant"
_SEED = "seed"
_WORDS: dict[tuple[str, Any], str] = {
    ("order", "pointwise_first"): "pointwise first",
    ("order", "depthwise_first"): "depthwise first",
    ("between", None): "what the network has between",
    ("between", "none"): "nothing between",
    ("between", "relu"): "ReLU between",
    ("between", "elu"): "ELU between",
    ("norm_between", None): "norm as in the network",
    ("norm_between", True): "norm between",
    ("norm_between", False): "no norm between",
    ("towers", None): "a tower a channel",
    ("full", True): "full convolutions",
    ("full", False): "separable",
    ("residual", True): "residuals",
    ("residual", False): "no residuals",
}
# What a trial shares with its partner in another form: whatever else it chose.
Place = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Form:
    """The trials of one form.

    Attributes:
        variant: the form.
        trials: where it was tried -> the trial there; of several the first.
    """

    variant: Variant
    trials: Mapping[Place, Trial]

    @property
    def finished(self) -> list[Trial]:
        """Those with a value."""
        return [trial for trial in self.trials.values() if _is_scored(trial)]

    @property
    def mean(self) -> float | None:
        """Of the values; None: there is none."""
        values = _values(self.finished)
        return fmean(values) if values else None

    @property
    def spread(self) -> float | None:
        """Standard deviation of the values, n - 1 below; None for fewer than two."""
        values = _values(self.finished)
        return stdev(values) if len(values) > 1 else None

    @property
    def seconds(self) -> float | None:
        """Mean time of a finished trial."""
        taken = [trial.seconds for trial in self.finished if trial.seconds is not None]
        return fmean(taken) if taken else None


@dataclass(frozen=True)
class Paired:
    """Two forms beside each other.

    Attributes:
        differences: the first one's measure minus the other's, one a place.
        missing: why places have none, in words.
    """

    differences: Sequence[float]
    missing: Sequence[str]


def forms_of(sweep: Sweep) -> dict[Variant, Form]:
    """The forms that a sweep has tried, in the order of their first trials.

    Raises:
        DataError: a choice that is no form.
    """
    found: dict[Variant, dict[Place, Trial]] = {}
    for trial in sweep.trials:
        variant = variant_of(trial.choices.get(KEY, "null"))
        place = tuple(sorted((k, v) for k, v in trial.choices.items() if k != KEY))
        found.setdefault(variant, {}).setdefault(place, trial)
    return {variant: Form(variant, trials) for variant, trials in found.items()}


@lru_cache(maxsize=256)
def variant_of(text: str) -> Variant:
    """What a value on the command line stands for; `null` and `{}` change nothing.

    Raises:
        DataError: it is no such value.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        options: Any = OverridesParser.create().parse_override(f"{KEY}={text}").value()
        return Variant.of({str(key): value for key, value in (options or {}).items()})
    except (HydraException, AttributeError, TypeError, ValueError) as error:
        raise DataError(f"{KEY}={text}: no form of a separable convolution ({error})") from None


def base_of(forms: Mapping[Variant, Form]) -> Variant:
    """The paper's own form; where a sweep lacks it, one in which at most the norms differ."""
    plain = [
        variant
        for variant in forms
        if variant.between in (None, "none")
        and replace(variant, between=None, norm_between=None) == Variant()
    ]
    return PAPER if PAPER in plain or not plain else plain[0]


def name_of(variant: Variant, base: Variant) -> str:
    """What is different from the base, in words."""
    values = {each.name: getattr(variant, each.name) for each in fields(Variant)}
    changed = [
        _WORDS.get((name, value)) or f"{name.replace('_', ' ')} {value}"
        for name, value in values.items()
        if value != getattr(base, name)
    ]
    return ", ".join(changed) or "the paper's form"


def paired(
    claimed: Form | None, other: Form | None, measure: Callable[[Trial], float | None]
) -> Paired:
    """Differences where both forms have been tried.

    Args:
        claimed: None for a form that the sweep lacks.
        other: the same.
        measure: of a finished trial; None where it has none.
    """
    places = dict.fromkeys(place for form in (claimed, other) if form for place in form.trials)
    differences, missing = [], []
    for place in places:
        pair = [form.trials.get(place) if form else None for form in (claimed, other)]
        values = [None if t is None or not _is_scored(t) else measure(t) for t in pair]
        if values[0] is None or values[1] is None:
            missing.append(_why(place, pair))
        else:
            differences.append(values[0] - values[1])
    return Paired(differences, missing)


def place_words(place: Place) -> str:
    """`seed 2`."""
    return ", ".join(f"{key} {value}" for key, value in place) or "the only trial"


def seeds_alone(forms: Mapping[Variant, Form]) -> bool:
    """Whether trials of one form differ by their seed alone."""
    places = [place for form in forms.values() for place in form.trials]
    return bool(places) and all([key for key, _ in place] == [_SEED] for place in places)


def _why(place: Place, pair: Sequence[Trial | None]) -> str:
    troubles = [
        "not tried" if t is None else f"trial {t.number} {_state(t)}"
        for t in pair
        if t is None or t.state != "finished" or t.value is None
    ]
    return f"{place_words(place)}: {' and '.join(troubles) or 'no curve'}"


def _state(trial: Trial) -> str:
    if trial.state == "finished":
        return "has no value"
    return {"running": "has not ended", "pruned": "was ended early"}.get(trial.state, trial.state)


def _is_scored(trial: Trial) -> bool:
    return trial.state == "finished" and trial.value is not None


def _values(trials: Sequence[Trial]) -> list[float]:
    return [trial.value for trial in trials if trial.value is not None]
