"""`leaderboard.csv` and, of a sweep over seeds, `leaderboard_by_choice.csv`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from seg.io.atomic import write_atomically
from seg.io.csv_table import format_csv
from seg.sweeps.trials import Sweep, Trial, read_metrics

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
    names, metrics = read_further_metrics(directory, sweep)
    keys = sweep.swept
    rows = [
        [
            *(rank, trial.number, trial.state, trial.value),
            *(trial.choices.get(key) for key in keys),
            trial.seconds,
            *(metrics[trial.number].get(name) for name in names),
            trial.error_line,
        ]
        for rank, trial in order_trials(sweep)
    ]
    head = ["rank", "number", "state", "value", *keys, "seconds", *names, "error"]
    _write(directory / FILE, [head, *rows])
    groups = sweep.group_by_seed()
    if groups:
        keys = [key for key in keys if any(key in each.choices for each in groups)]
        rows = [
            [
                None if each.mean is None else place,
                *(each.choices.get(key) for key in keys),
                *(each.mean, each.std, len(each.values)),
                " ".join(str(trial.number) for trial in each.trials),
            ]
            for place, each in enumerate(groups, 1)
        ]
        head = ["rank", *keys, "mean", "std", "n", "trials"]
        _write(directory / BY_CHOICE_FILE, [head, *rows])
    return directory / FILE


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


def _write(path: Path, rows: Iterable[Iterable[Any]]) -> None:
    """Write a CSV file."""
    write_atomically(path, lambda file: file.write(format_csv(rows).encode()))
