"""The record of a sweep and its trials, with the reading and writing of their files.

A sweep's directory holds `trials.json` (a `Sweep`); the run directory of a trial, named after its
number, holds `trial.json` (a `TrialStatus`) beside the files of any run.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Literal

from pydantic import ConfigDict

from seg.config.former_keys import present_choice, present_choices
from seg.config.recorded_overrides import read_recorded
from seg.errors import DataError
from seg.io.atomic import write_json
from seg.io.json_file import read_json, read_json_object
from seg.io.source import Source, checked
from seg.reports.run_files import read_curve as read_rows
from seg.reports.run_reader import Points, is_number

TrialState = Literal["running", "finished", "failed", "pruned"]
FILE, STATUS_FILE = "trials.json", "trial.json"
SEED = "seed"
_REMEDY = "copy it from a backup, or begin the sweep anew; the runs in its directory stay"
_COMMANDS = ("train", "pretrain")
_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class Trial:
    """One run of a sweep.

    Attributes:
        number: from 0 on; its run directory has this name in the sweep's directory.
        choices: swept key -> value as the command line gives it (`optimizer.lr` -> `1e-3`).
        state: `pruned`: ended early because others were better.
        value: the monitored value of the best weights; of a pruned trial the last one seen.
        seconds: from start to end, all tries together.
        error: of a failed trial, in a few lines.
    """

    __pydantic_config__ = _STRICT

    number: int
    choices: Mapping[str, str]
    state: TrialState
    value: float | None = None
    seconds: float | None = None
    error: str | None = None

    def run_dir(self, sweep_dir: Path) -> Path:
        """Return the trial's run directory, whether it exists or not."""
        return sweep_dir / str(self.number)

    @property
    def error_line(self) -> str | None:
        """Return the first line of the error; None without one."""
        lines = (self.error or "").strip().splitlines()
        return lines[0] if lines else None


@dataclass(frozen=True)
class TrialStatus:
    """What a trial's own process records of it in `trial.json`.

    Attributes:
        state: `running` also if the process was killed.
        seconds: of all tries that have ended.
        began_at: start of a try whose end is not recorded, seconds since 1970.
        error: of a failed trial, in a few lines.
    """

    __pydantic_config__ = _STRICT

    state: TrialState
    seconds: float
    began_at: float | None = None
    error: str | None = None

    def write(self, run_dir: Path) -> None:
        """Write `trial.json`."""
        write_json(run_dir / STATUS_FILE, asdict(self))


@dataclass(frozen=True)
class SeedGroup:
    """Trials that differ in their seed alone.

    Attributes:
        choices: swept key -> value, without the seed.
        trials: the trials by number.
        values: values of the finished trials.
    """

    choices: Mapping[str, str]
    trials: Sequence[Trial]
    values: Sequence[float]

    @property
    def mean(self) -> float | None:
        """Return the mean of the values; None without any."""
        return fmean(self.values) if self.values else None

    @property
    def std(self) -> float | None:
        """Return the standard deviation of the sample (n - 1); None for fewer than two values."""
        return stdev(self.values) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Sweep:
    """A sweep as `trials.json` records it.

    Attributes:
        command: train or pretrain.
        line: the words of the command line that began it, `-m` left out.
        monitor: name of the value that is compared, as in `metrics.json` (`val/miou`).
        maximize: whether larger values are better.
        trials: the trials by number.
    """

    __pydantic_config__ = _STRICT

    command: str
    line: Sequence[str]
    monitor: str
    maximize: bool = True
    trials: Sequence[Trial] = field(default_factory=tuple)

    @property
    def swept(self) -> list[str]:
        """List the keys that trials choose, in the order they first appear."""
        return list(dict.fromkeys(key for trial in self.trials for key in trial.choices))

    def ranked(self) -> list[Trial]:
        """Return the finished trials, the best first; equal values by number."""
        finished = [trial for trial in self.trials if trial.state == "finished"]
        valued = [(trial.value, trial) for trial in finished if trial.value is not None]
        sign = -1 if self.maximize else 1
        return [trial for _, trial in sorted(valued, key=lambda v: (sign * v[0], v[1].number))]

    def group_by_seed(self) -> list[SeedGroup]:
        """Group trials by all choices but the seed: the best mean first, those without one last.

        Returns:
            the groups; empty if the seed was not swept.
        """
        if SEED not in self.swept:
            return []
        groups: dict[tuple[tuple[str, str], ...], list[Trial]] = {}
        for trial in self.trials:
            choices = {key: value for key, value in trial.choices.items() if key != SEED}
            groups.setdefault(tuple(sorted(choices.items())), []).append(trial)
        values = {trial.number: trial.value for trial in self.ranked() if trial.value is not None}
        seed_groups = [
            SeedGroup(
                dict(choices), trials, [values[t.number] for t in trials if t.number in values]
            )
            for choices, trials in groups.items()
        ]
        sign = -1 if self.maximize else 1
        return sorted(seed_groups, key=lambda group: (group.mean is None, sign * (group.mean or 0)))

    def best_trial(self) -> Trial | None:
        """Return the best trial; over seeds the best one of the group with the best mean."""
        ranked, groups = self.ranked(), self.group_by_seed()
        if not ranked or not groups:
            return ranked[0] if ranked else None
        numbers = {trial.number for trial in groups[0].trials}
        return next(trial for trial in ranked if trial.number in numbers)


def is_sweep(directory: Path) -> bool:
    """Return whether a sweep was begun in a directory."""
    return (directory / FILE).is_file()


def write_sweep(directory: Path, sweep: Sweep) -> None:
    """Write `trials.json`; whoever reads it at the same time sees the old or the new one."""
    write_json(directory / FILE, asdict(sweep))


def read_sweep(directory: Path) -> Sweep:
    """Read `trials.json`.

    Raises:
        DataError: no sweep there, or a damaged file.
    """
    path = directory / FILE
    if not path.is_file():
        raise DataError(f"{directory}: no sweep there (no {FILE})")
    source = Source(path, "record of a sweep", _REMEDY)
    content = read_json(path, source.kind, remedy=source.remedy)
    if not isinstance(content, dict) or "trials" not in content:
        raise source.damaged("damaged (no trials)")
    sweep = checked(Sweep, content, source)
    if sweep.command not in _COMMANDS:
        raise source.damaged(f"damaged (command: allowed: {', '.join(_COMMANDS)})")
    numbers = [trial.number for trial in sweep.trials]
    if len(set(numbers)) != len(numbers) or min(numbers, default=0) < 0:
        raise source.damaged("damaged (numbers of trials repeat or are negative)")
    trials = tuple(replace(trial, choices=_present(trial.choices)) for trial in sweep.trials)
    return replace(sweep, line=present_choices(sweep.line), trials=trials)


def without_location(arguments: Sequence[str]) -> list[str]:
    """Return the words of a line without `-m`, the sweep's directory and `resume`."""
    prefixes = ("-m", "--multirun", "resume=", "hydra.sweep.dir=")
    return [each for each in arguments if not each.lstrip("+").startswith(prefixes)]


def read_status(run_dir: Path) -> TrialStatus | None:
    """Read `trial.json`; None if the trial has not begun."""
    path = run_dir / STATUS_FILE
    if not path.is_file():
        return None
    try:
        return checked(TrialStatus, read_json(path, "record of a trial"), Source(path, "record"))
    except DataError:
        return TrialStatus("running", 0.0)  # damaged: the trial is done again


def read_metrics(run_dir: Path) -> dict[str, float]:
    """Read the numbers of `metrics.json`; empty if it is missing or damaged."""
    with suppress(DataError):
        content = read_json_object(run_dir / "metrics.json", "record of scores")
        return {key: float(value) for key, value in content.items() if is_number(value)}
    return {}


def read_curve(run_dir: Path, column: str) -> Points:
    """Read `(step, value)` of one column of `metrics.csv`; empty if it is missing or damaged."""
    with suppress(DataError):
        rows = read_rows(run_dir / "metrics.csv")
        return [(row["step"], row[column]) for row in rows if column in row]
    return []


def read_overrides(run_dir: Path) -> list[str] | None:
    """Read the overrides that began a run, as Hydra took them; None if they cannot be read."""
    with suppress(DataError):
        return read_recorded(run_dir)
    return None


def _present(choices: Mapping[str, str]) -> dict[str, str]:
    """Return choices with the present names of their keys and options."""
    pairs = (present_choice(f"{key}={value}") for key, value in choices.items())
    return dict(pair.split("=", 1) for pair in pairs)
