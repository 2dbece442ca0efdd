"""The trials of a sweep, grouped by the form of their separable convolutions."""

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
# of trials without a value
_STATES = {"finished": "has no value", "running": "has not ended", "pruned": "was ended early"}
# A trial's other choices, which its partner in another form shares.
Place = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Form:
    """The trials of one form.

    Attributes:
        variant: the form.
        trials: other choices -> the first trial with them.
    """

    variant: Variant
    trials: Mapping[Place, Trial]

    @property
    def finished(self) -> list[Trial]:
        """List the finished trials with a value."""
        return [trial for trial in self.trials.values() if _is_scored(trial)]

    @property
    def values(self) -> list[float]:
        """List the values of the finished trials."""
        return [trial.value for trial in self.finished if trial.value is not None]

    @property
    def mean(self) -> float | None:
        """Return the mean of the values; None without any."""
        return fmean(self.values) if self.values else None

    @property
    def spread(self) -> float | None:
        """Return the standard deviation of the values (n - 1); None for fewer than two."""
        return stdev(self.values) if len(self.values) > 1 else None

    @property
    def seconds(self) -> float | None:
        """Return the mean time of a finished trial, in s."""
        taken = [trial.seconds for trial in self.finished if trial.seconds is not None]
        return fmean(taken) if taken else None


def forms_of(sweep: Sweep) -> dict[Variant, Form]:
    """Group the trials of a sweep by form, in the order of their first trials.

    Raises:
        DataError: a choice that is no form.
    """
    trials_of: dict[Variant, dict[Place, Trial]] = {}
    for trial in sweep.trials:
        variant = variant_of(trial.choices.get(KEY, "null"))
        place = tuple(sorted((k, v) for k, v in trial.choices.items() if k != KEY))
        trials_of.setdefault(variant, {}).setdefault(place, trial)
    return {variant: Form(variant, trials) for variant, trials in trials_of.items()}


@lru_cache(maxsize=256)
def variant_of(text: str) -> Variant:
    """Return the form of a value on the command line; `null` and `{}` change nothing.

    Raises:
        DataError: the value is no form.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        options: Any = OverridesParser.create().parse_override(f"{KEY}={text}").value()
        return Variant.of({str(key): value for key, value in (options or {}).items()})
    except (HydraException, AttributeError, TypeError, ValueError) as error:
        raise DataError(f"{KEY}={text}: no form of a separable convolution ({error})") from None


def base_of(forms: Mapping[Variant, Form]) -> Variant:
    """Return the paper's own form, else one of the sweep in which at most the norms differ."""
    plain = [
        variant
        for variant in forms
        if variant.between in (None, "none")
        and replace(variant, between=None, norm_between=None) == Variant()
    ]
    return PAPER if PAPER in plain or not plain else plain[0]


def name_of(variant: Variant, base: Variant) -> str:
    """Describe how a form differs from the base."""
    values = {each.name: getattr(variant, each.name) for each in fields(Variant)}
    changed = [
        _WORDS.get((name, value)) or f"{name.replace('_', ' ')} {value}"
        for name, value in values.items()
        if value != getattr(base, name)
    ]
    return ", ".join(changed) or "the paper's form"


def paired_differences(
    favored: Form | None, other: Form | None, measure: Callable[[Trial], float | None]
) -> tuple[list[float], list[str]]:
    """Return the differences of two forms for each of the choices that both were tried with.

    Args:
        favored: None for a form that the sweep lacks.
        other: the same.
        measure: measure of a finished trial; None if it has none.

    Returns:
        the first form's measure minus the other's, one for each pair; why other pairs have none.
    """
    places = dict.fromkeys(place for form in (favored, other) if form for place in form.trials)
    differences: list[float] = []
    missing: list[str] = []
    for place in places:
        pair = [form.trials.get(place) if form else None for form in (favored, other)]
        values = [None if t is None or not _is_scored(t) else measure(t) for t in pair]
        if values[0] is None or values[1] is None:
            missing.append(_why(place, pair))
        else:
            differences.append(values[0] - values[1])
    return differences, missing


def place_words(place: Place) -> str:
    """Return a trial's other choices in words: `seed 2`."""
    return ", ".join(f"{key} {value}" for key, value in place) or "the only trial"


def seeds_alone(forms: Mapping[Variant, Form]) -> bool:
    """Return whether trials of one form differ in their seed alone."""
    places = [place for form in forms.values() for place in form.trials]
    return bool(places) and all([key for key, _ in place] == [_SEED] for place in places)


def _why(place: Place, pair: Sequence[Trial | None]) -> str:
    """Return why a pair has no difference."""
    reasons = [
        "not tried" if t is None else f"trial {t.number} {_STATES.get(t.state, t.state)}"
        for t in pair
        if t is None or not _is_scored(t)
    ]
    return f"{place_words(place)}: {' and '.join(reasons) or 'no curve'}"


def _is_scored(trial: Trial) -> bool:
    return trial.state == "finished" and trial.value is not None
