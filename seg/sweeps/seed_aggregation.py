"""Trials that differ by their seed alone, as one configuration with a mean and a spread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from seg.sweeps.trials import Sweep, Trial

SEED = "seed"


@dataclass(frozen=True)
class SeedGroup:
    """A configuration.

    Attributes:
        choices: swept key -> value, the seed left out.
        trials: that chose so, in the order of their numbers.
        values: of the finished ones.
    """

    choices: Mapping[str, str]
    trials: Sequence[Trial]
    values: Sequence[float]

    @property
    def mean(self) -> float | None:
        """Of the finished ones; None: none has finished."""
        return fmean(self.values) if self.values else None

    @property
    def std(self) -> float | None:
        """Of the sample, with n - 1 below; None for fewer than two."""
        return stdev(self.values) if len(self.values) > 1 else None


def group_by_seed(sweep: Sweep) -> list[SeedGroup]:
    """The configurations of a sweep over seeds, the best mean first, those without one last.

    Empty where the seed was not swept.
    """
    if SEED not in sweep.swept:
        return []
    groups: dict[tuple[tuple[str, str], ...], list[Trial]] = {}
    for trial in sweep.trials:
        choices = {key: value for key, value in trial.choices.items() if key != SEED}
        groups.setdefault(tuple(sorted(choices.items())), []).append(trial)
    ranked = {trial.number for trial in sweep.ranked()}
    found = [
        SeedGroup(
            dict(choices),
            trials,
            [t.value for t in trials if t.number in ranked and t.value is not None],
        )
        for choices, trials in groups.items()
    ]
    sign = -1 if sweep.maximize else 1
    return sorted(found, key=lambda each: (each.mean is None, sign * (each.mean or 0.0)))


def winner(sweep: Sweep) -> Trial | None:
    """The best trial; over seeds the best one of the configuration with the best mean."""
    ranked = sweep.ranked()
    standings = group_by_seed(sweep)
    if not ranked or not standings:
        return ranked[0] if ranked else None
    numbers = {trial.number for trial in standings[0].trials}
    return next(trial for trial in ranked if trial.number in numbers)
