"""What a sweep ends with: a leaderboard, a page, and the winner as an experiment."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from seg.errors import error_summary, is_out_of_room
from seg.sweeps.best_config import Winner, winner_of, write_winner
from seg.sweeps.leaderboard import write_leaderboard
from seg.sweeps.metric_text import value_text
from seg.sweeps.page import FILE, write_page
from seg.sweeps.report_sections import sections_for
from seg.sweeps.seed_aggregation import SeedGroup, group_by_seed, winner
from seg.sweeps.trials import Sweep, read_sweep

log = logging.getLogger(__name__)
T = TypeVar("T")


def close_sweep(directory: Path) -> None:
    """Write `leaderboard.csv`, `report.html` and the winner's file, and tell of them.

    It may be called again after the sweep went on: the files are replaced. A part that cannot be
    written is told and spoils neither the others nor the sweep.

    Raises:
        DataError: no sweep there, or a damaged file.
    """
    sweep = read_sweep(directory)
    found = _attempt("winner", lambda: _write_best_config(directory, sweep))
    leaderboard = _attempt("leaderboard", lambda: write_leaderboard(directory, sweep))
    page = _attempt("report", lambda: write_sweep_report(directory, sweep, directory / FILE))
    _tell_best(sweep)
    if leaderboard is not None:
        log.info("leaderboard: %s", leaderboard)
    if page is not None:
        log.info("report: %s", page.resolve().as_uri())
    if found is not None:
        log.info("the winner again: %s", found.command)


def write_sweep_report(directory: Path, sweep: Sweep, path: Path) -> Path:
    """Write the page with whatever sections this sweep has; tell where it is."""
    write_page(directory, sweep, path, sections_for(directory, sweep))
    return path


def _write_best_config(directory: Path, sweep: Sweep) -> Winner | None:
    trial = winner(sweep)
    if trial is None:
        return None
    found = winner_of(directory, sweep, trial)
    write_winner(directory, found)
    return found


def _tell_best(sweep: Sweep) -> None:
    best = winner(sweep)
    if best is None:
        log.info("no trial of %d has finished", len(sweep.trials))
        return
    chosen = " ".join(f"{key}={value}" for key, value in best.choices.items())
    value = value_text(sweep.monitor, best.value)
    log.info("best: trial %d, %s %s: %s", best.number, sweep.monitor, value, chosen)
    for standing in group_by_seed(sweep)[:1]:
        if standing.std is not None:
            log.info("its choices over %d seeds: %s", *_spread(sweep.monitor, standing))


def _spread(monitor: str, standing: SeedGroup) -> tuple[int, str]:
    """The number of seeds, and what their values say."""
    mean, std = (value_text(monitor, value) for value in (standing.mean, standing.std))
    if len(set(standing.values)) == 1:
        return len(standing.values), f"{mean} each, the seed makes no difference"
    return len(standing.values), f"mean {mean}, standard deviation {std}"


def _attempt(what: str, make: Callable[[], T]) -> T | None:
    try:
        return make()
    except Exception as error:
        if is_out_of_room(error):
            raise
        log.warning("no %s: %s", what, error_summary(error))
        return None
