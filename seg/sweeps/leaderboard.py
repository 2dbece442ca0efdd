"""`leaderboard.csv` and, of a sweep over seeds, `leaderboard_by_choice.csv`."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from seg.io.atomic import write_atomically
from seg.io.csv_table import format_csv
from seg.sweeps.trials import SeedGroup, Sweep, Trial, read_metrics

FILE, BY_CHOICE_FILE = "leaderboard.csv", "leaderboard_by_choice.csv"
_FURTHER_METRICS = ("val/miou", "val/top1", "val/pixel_accuracy", "val/loss")
_STATE_ORDER = ("finished", "pruned", "failed", "running")


def order_trials(sweep: Sweep) -> list[tuple[int | None, Trial]]:
    """Return `(rank, trial)`, the best first; those without a rank by state and number."""
    ranked = sweep.ranked()
    others = [trial for trial in sweep.trials if trial not in ranked]
    others.sort(key=lambda trial: (_STATE_ORDER.index(trial.state), trial.number))
    return [*enumerate(ranked, 1), *((None, trial) for trial in others)]


def write_leaderboard(directory: Path, sweep: Sweep) -> Path:
    """Write both tables; return the path of the first."""
    path = directory / FILE
    _write(path, _rows(directory, sweep))
    groups = sweep.group_by_seed()
    if groups:
        _write(directory / BY_CHOICE_FILE, _choice_rows(sweep, groups))
    return path


def read_further_metrics(
    directory: Path, sweep: Sweep
) -> tuple[list[str], dict[int, dict[str, float]]]:
    """Return the metrics beside the monitored one, and all metrics of each trial by number."""
    metrics = {trial.number: read_metrics(trial.run_dir(directory)) for trial in sweep.trials}
    names = [
        key
        for key in _FURTHER_METRICS
        if key != sweep.monitor and any(key in each for each in metrics.values())
    ]
    return names, metrics


def _rows(directory: Path, sweep: Sweep) -> Iterable[Sequence[Any]]:
    """Yield the rows of `leaderboard.csv`."""
    names, metrics = read_further_metrics(directory, sweep)
    keys = sweep.swept
    yield ["rank", "number", "state", "value", *keys, "seconds", *names, "error"]
    for rank, trial in order_trials(sweep):
        yield [
            *(rank, trial.number, trial.state, trial.value),
            *(trial.choices.get(key) for key in keys),
            trial.seconds,
            *(metrics[trial.number].get(name) for name in names),
            trial.error_line,
        ]


def _choice_rows(sweep: Sweep, groups: Sequence[SeedGroup]) -> Iterable[Sequence[Any]]:
    """Yield the rows of `leaderboard_by_choice.csv`."""
    keys = [key for key in sweep.swept if any(key in each.choices for each in groups)]
    yield ["rank", *keys, "mean", "std", "n", "trials"]
    for place, each in enumerate(groups, 1):
        yield [
            None if each.mean is None else place,
            *(each.choices.get(key) for key in keys),
            *(each.mean, each.std, len(each.values)),
            " ".join(str(trial.number) for trial in each.trials),
        ]


def _write(path: Path, rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file."""
    write_atomically(path, lambda file: file.write(format_csv(list(rows)).encode()))
