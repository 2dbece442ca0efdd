"""`leaderboard.csv` and, of a sweep over seeds, `leaderboard_by_choice.csv`."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from seg.io.atomic import write_atomically
from seg.io.csv_table import format_csv
from seg.sweeps.seed_aggregation import SeedGroup, group_by_seed
from seg.sweeps.trial_files import read_metrics, trial_directory
from seg.sweeps.trials import Sweep, Trial

FILE, BY_CHOICE_FILE = "leaderboard.csv", "leaderboard_by_choice.csv"
HEADLINES = ("val/miou", "val/top1", "val/pixel_accuracy", "val/loss")
_AFTER_THE_RANKED = ("finished", "pruned", "failed", "running")


def ordered(sweep: Sweep) -> list[tuple[int | None, Trial]]:
    """`(rank, trial)`: the ranked ones, the best first; then the others by state and number."""
    ranked = sweep.ranked()
    others = [trial for trial in sweep.trials if trial not in ranked]
    others.sort(key=lambda trial: (_AFTER_THE_RANKED.index(trial.state), trial.number))
    return [*enumerate(ranked, 1), *((None, trial) for trial in others)]


def write_leaderboard(directory: Path, sweep: Sweep) -> Path:
    """Write both tables, and tell where the first one is."""
    path = directory / FILE
    _write(path, list(_rows(directory, sweep)))
    standings = group_by_seed(sweep)
    if standings:
        _write(directory / BY_CHOICE_FILE, list(_choice_rows(sweep, standings)))
    return path


def measured(directory: Path, sweep: Sweep) -> tuple[list[str], dict[int, dict[str, float]]]:
    """What was scored beside the monitored value: which headlines, and each trial's numbers."""
    metrics = {
        trial.number: read_metrics(trial_directory(directory, trial)) for trial in sweep.trials
    }
    headlines = [
        key
        for key in HEADLINES
        if key != sweep.monitor and any(key in each for each in metrics.values())
    ]
    return headlines, metrics


def _rows(directory: Path, sweep: Sweep) -> Iterable[Sequence[Any]]:
    headlines, metrics = measured(directory, sweep)
    keys = sweep.swept
    yield ["rank", "number", "state", "value", *keys, "seconds", *headlines, "error"]
    for rank, trial in ordered(sweep):
        yield [
            *(rank, trial.number, trial.state, trial.value),
            *(trial.choices.get(key) for key in keys),
            trial.seconds,
            *(metrics[trial.number].get(key) for key in headlines),
            first_line_of(trial),
        ]


def _choice_rows(sweep: Sweep, standings: Sequence[SeedGroup]) -> Iterable[Sequence[Any]]:
    keys = [key for key in sweep.swept if any(key in each.choices for each in standings)]
    yield ["rank", *keys, "mean", "std", "n", "trials"]
    for place, each in enumerate(standings, 1):
        yield [
            None if each.mean is None else place,
            *(each.choices.get(key) for key in keys),
            *(each.mean, each.std, len(each.values)),
            " ".join(str(trial.number) for trial in each.trials),
        ]


def first_line_of(trial: Trial) -> str | None:
    """What a trial failed of, as much as a table takes."""
    lines = (trial.error or "").strip().splitlines()
    return lines[0] if lines else None


def _write(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    write_atomically(path, lambda file: file.write(format_csv(rows).encode()))
