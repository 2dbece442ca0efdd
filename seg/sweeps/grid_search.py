"""What proposes the trials of a sweep."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from hydra.core.override_parser.types import Override

from seg.errors import ConfigError
from seg.sweeps.search_spaces import values_of
from seg.sweeps.trials import Trial


class Search(Protocol):
    """Proposes trials by number; is told how each ended.

    Attributes:
        total: number of trials.
    """

    total: int

    def start(self, directory: Path, *, maximize: bool, known: Sequence[Trial]) -> None:
        """Start, or go on after the known trials.

        Raises:
            ConfigError: these were proposed by another search.
        """
        ...

    def samples(self) -> list[dict[str, str]]:
        """Choices to compose as a check, before any trial."""
        ...

    def choices(self, number: int) -> dict[str, str]:
        """What a trial chooses; the same whenever it is asked for."""
        ...

    def extras(self, number: int) -> list[str]:
        """Overrides that a trial needs besides its choices."""
        ...

    def ended(self, trial: Trial) -> float | None:
        """Take note; returns the trial's value."""
        ...


class Grid:
    """Every combination, the last key fastest.

    Args:
        sweeps: key -> what it is swept over.

    Raises:
        ConfigError: an interval.
    """

    def __init__(self, sweeps: Mapping[str, Override]) -> None:
        self._values = {key: values_of(key, sweep) for key, sweep in sweeps.items()}
        self._combinations = list(itertools.product(*self._values.values()))
        self.total = len(self._combinations)

    def start(self, directory: Path, *, maximize: bool, known: Sequence[Trial]) -> None:
        for trial in known:
            there = trial.number < self.total and self.choices(trial.number)
            if there != dict(trial.choices):
                chosen = ", ".join(f"{key}={value}" for key, value in trial.choices.items())
                raise ConfigError(
                    f"resume: trial {trial.number} in {directory} is {chosen}, which this command "
                    f"line does not propose\n  resume={directory} takes the line that began it"
                )

    def samples(self) -> list[dict[str, str]]:
        """As few as show every value once."""
        most = max(map(len, self._values.values()), default=1)
        return [
            {key: values[index % len(values)] for key, values in self._values.items()}
            for index in range(most)
        ]

    def choices(self, number: int) -> dict[str, str]:
        return dict(zip(self._values, self._combinations[number], strict=True))

    def extras(self, number: int) -> list[str]:
        return []

    def ended(self, trial: Trial) -> float | None:
        return trial.value
