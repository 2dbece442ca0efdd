"""End of a sweep: leaderboard, page, and the best trial as an experiment."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from seg.errors import error_summary, is_out_of_room
from seg.reports.scores import format_metric
from seg.sweeps.best_config import Winner, winner_of, write_winner
from seg.sweeps.leaderboard import write_leaderboard
from seg.sweeps.page import FILE, Section, write_page
from seg.sweeps.trials import Sweep, read_sweep

log = logging.getLogger(__name__)
T = TypeVar("T")
SectionMaker = Callable[[Path, Sweep], Sequence[Section]]
"""Returns further sections of a sweep's page, from the sweep's directory and record."""


def close_sweep(directory: Path, make_sections: SectionMaker | None = None) -> None:
    """Write `leaderboard.csv`, `report.html` and the winner's file, and log where they are.

    It may be called again after the sweep went on: the files are replaced. A part that cannot be
    written is a warning; the others are written.

    Raises:
        DataError: no sweep there, or a damaged file.
    """
    sweep = read_sweep(directory)
    winner = _attempt("winner", lambda: _write_best_config(directory, sweep))
    leaderboard = _attempt("leaderboard", lambda: write_leaderboard(directory, sweep))
    page = _attempt(
        "report",
        lambda: write_page(
            directory,
            sweep,
            directory / FILE,
            () if make_sections is None else make_sections(directory, sweep),
        ),
    )
    _log_best(sweep)
    if leaderboard is not None:
        log.info("leaderboard: %s", leaderboard)
    if page is not None:
        log.info("report: %s", page.resolve().as_uri())
    if winner is not None:
        log.info("the winner again: %s", winner.command)


def _write_best_config(directory: Path, sweep: Sweep) -> Winner | None:
    """Write the experiment of the best trial; None if no trial has finished."""
    trial = sweep.best_trial()
    if trial is None:
        return None
    winner = winner_of(directory, sweep, trial)
    write_winner(directory, winner)
    return winner


def _log_best(sweep: Sweep) -> None:
    """Log the best trial and, over seeds, the mean and the spread of its choices."""
    best = sweep.best_trial()
    if best is None:
        log.info("no trial of %d has finished", len(sweep.trials))
        return
    choices = " ".join(f"{key}={value}" for key, value in best.choices.items())
    value = format_metric(sweep.monitor, best.value)
    log.info("best: trial %d, %s %s: %s", best.number, sweep.monitor, value, choices)
    for group in sweep.group_by_seed()[:1]:
        if group.std is None:
            continue
        mean, std = (format_metric(sweep.monitor, each) for each in (group.mean, group.std))
        spread = f"mean {mean}, standard deviation {std}"
        if len(set(group.values)) == 1:
            spread = f"{mean} each, the seed makes no difference"
        log.info("its choices over %d seeds: %s", len(group.values), spread)


def _attempt(what: str, make: Callable[[], T]) -> T | None:
    """Return what `make` returns; warn and return None if it fails, unless the disk is full."""
    try:
        return make()
    except Exception as error:
        if is_out_of_room(error):
            raise
        log.warning("no %s: %s", what, error_summary(error))
        return None
