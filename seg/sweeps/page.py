"""`report.html` of a sweep: the trials, their values, and which keys mattered."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from markupsafe import Markup

from seg.io.atomic import write_atomically
from seg.reports.page import render_template
from seg.reports.scores import TITLES, format_metric, is_percentage
from seg.sweeps.best_config import Winner, winner_of
from seg.sweeps.importance import ABSENT
from seg.sweeps.leaderboard import order_trials, read_further_metrics
from seg.sweeps.plots import (
    curves_chart,
    importance_chart,
    importance_notes,
    parallel_chart,
    progress_chart,
)
from seg.sweeps.trials import SEED, Sweep, Trial

FILE = "report.html"
_MAX_ROWS = 30
_short = partial(format_metric, unit=False)
_STATES = ("finished", "failed", "pruned", "running")


@dataclass(frozen=True)
class Section:
    """A further part of the page, between the charts and the failures.

    Attributes:
        title: heading of the part.
        body: markup as it is, other text escaped.
        lead: sentence below the title.
    """

    title: str
    body: Markup | str
    lead: str = ""


def write_page(directory: Path, sweep: Sweep, path: Path, sections: Sequence[Section] = ()) -> Path:
    """Write the page of the sweep in a directory atomically; return its path.

    The run directories of the trials are read as far as they exist.
    """
    text = page(directory, sweep, sections)
    write_atomically(path, lambda file: file.write(text.encode()))
    return path


def page(directory: Path, sweep: Sweep, sections: Sequence[Section] = ()) -> str:
    """Return the page as text."""
    best = sweep.best_trial()
    charts = (curves_chart(directory, sweep), progress_chart(sweep))
    content = {
        "name": directory.resolve().name,
        "path": directory,
        "line": shlex.join(["python", "-m", f"seg.{sweep.command}", "-m", *sweep.line]),
        "monitor": TITLES.get(sweep.monitor, sweep.monitor),
        "unit": "%" if is_percentage(sweep.monitor) else "",
        "direction": "more" if sweep.maximize else "less",
        "best": best,
        "best_text": None if best is None else _short(sweep.monitor, best.value),
        "chosen": [] if best is None else list(best.choices.items()),
        "winner": None if best is None else _find_winner(directory, sweep, best),
        "counts": _counts(sweep),
        "running": sum(trial.state == "running" for trial in sweep.trials),
        "seconds": _seconds(sweep),
        "keys": sweep.swept,
        "table": _table(directory, sweep),
        "standings": [
            {
                "choices": each.choices,
                "mean": _short(sweep.monitor, each.mean),
                "std": _short(sweep.monitor, each.std),
                "seeds": len(each.values),
                "trials": each.trials,
            }
            for each in sweep.group_by_seed()
        ],
        "choice_keys": [key for key in sweep.swept if key != SEED],
        "parallel": parallel_chart(sweep),
        "importance": importance_chart(sweep),
        "importance_notes": importance_notes(sweep),
        "charts": [chart for chart in charts if chart is not None],
        "sections": list(sections),
        "failures": [trial for trial in sweep.trials if trial.state == "failed"],
        "absent": ABSENT,
        "shown_rows": _MAX_ROWS,
    }
    return render_template("sweep.html", content)


def _find_winner(directory: Path, sweep: Sweep, best: Trial) -> Winner | None:
    """Return the best trial's experiment; None if its record cannot be read."""
    try:
        return winner_of(directory, sweep, best)
    except Exception:  # whatever the grammar makes of a damaged record; the rest is worth a page
        return None


def _counts(sweep: Sweep) -> list[tuple[str, int]]:
    """Return the number of trials of each state that occurs."""
    counts = [(state, sum(t.state == state for t in sweep.trials)) for state in _STATES]
    return [(state, count) for state, count in counts if count or state == "finished"]


def _seconds(sweep: Sweep) -> dict[str, float] | None:
    """Return the time of all trials together, and the mean of the finished ones, in s."""
    known = [trial.seconds for trial in sweep.trials if trial.seconds is not None]
    finished = [t.seconds for t in sweep.ranked() if t.seconds is not None]
    if not known:
        return None
    return {"total": sum(known), "mean": fmean(finished or known)}


def _table(directory: Path, sweep: Sweep) -> dict[str, Any]:
    """Return the rows of the trials, the best first, with their further metrics."""
    names, metrics = read_further_metrics(directory, sweep)
    rows = [
        {
            "rank": rank,
            "trial": trial,
            "value": _short(sweep.monitor, trial.value),
            "metrics": [_short(name, metrics[trial.number].get(name)) for name in names],
            "report": (trial.run_dir(directory) / FILE).is_file(),
        }
        for rank, trial in order_trials(sweep)
    ]
    titles = [(TITLES.get(name, name), "%" if is_percentage(name) else "") for name in names]
    return {"titles": titles, "rows": rows}
