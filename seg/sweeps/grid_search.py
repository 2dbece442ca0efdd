"""The interface of a search, which proposes trials, and the grid search."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra.core.override_parser.types import Override

from seg.errors import ConfigError
from seg.sweeps.search_spaces import samples_of, values_of
from seg.sweeps.trials import Trial


class Search(ABC):
    """Proposes trials by number and learns how each ended.

    Attributes:
        total: number of trials.
    """

    total: int

    @abstractmethod
    def start(self, directory: Path, *, maximize: bool, known: Sequence[Trial]) -> None:
        """Start, or go on after the known trials.

        Raises:
            ConfigError: these were proposed by another search.
        """

    @abstractmethod
    def samples(self) -> list[dict[str, str]]:
        """Return choices to compose as a check, before any trial."""

    @abstractmethod
    def choices(self, number: int) -> dict[str, str]:
        """Return a trial's choices; the same at each call."""

    def extras(self, number: int) -> list[str]:
        """Return overrides that a trial needs besides its choices."""
        return []

    def ended(self, trial: Trial) -> float | None:
        """Record the end of a trial; return the trial's value."""
        return trial.value


class Grid(Search):
    """Proposes every combination of the values, the last key fastest.

    Raises:
        ConfigError: a key is swept over an interval.
    """

    def __init__(self, sweeps: Mapping[str, Override]) -> None:
        self._values = {key: values_of(key, sweep) for key, sweep in sweeps.items()}
        self._combinations = list(itertools.product(*self._values.values()))
        self.total = len(self._combinations)

    def start(self, directory: Path, *, maximize: bool, known: Sequence[Trial]) -> None:
        """Check that the known trials are those of this grid."""
        for trial in known:
            there = trial.number < self.total and self.choices(trial.number)
            if there != dict(trial.choices):
                choices = ", ".join(f"{key}={value}" for key, value in trial.choices.items())
                raise ConfigError(
                    f"resume: trial {trial.number} in {directory} is {choices}, which this command "
                    f"line does not propose\n  resume={directory} takes the line that began it"
                )

    def samples(self) -> list[dict[str, str]]:
        """Return as few choices as show every value once."""
        return samples_of(self._values)

    def choices(self, number: int) -> dict[str, str]:
        """Return the combination of this number."""
        return dict(zip(self._values, self._combinations[number], strict=True))
