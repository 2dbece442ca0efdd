"""`report.html` of a sweep: what was tried, how good it was, and what mattered."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from markupsafe import Markup

from seg.io.atomic import write_atomically
from seg.reports.number_format import percent, significant
from seg.reports.page import filled
from seg.sweeps.best_config import Winner, winner_of
from seg.sweeps.importance import ABSENT
from seg.sweeps.leaderboard import measured, ordered
from seg.sweeps.metric_text import is_share, title_of
from seg.sweeps.plots import (
    curves_chart,
    importance_chart,
    importance_notes,
    parallel_chart,
    progress_chart,
)
from seg.sweeps.seed_aggregation import SEED, SeedGroup, group_by_seed, winner
from seg.sweeps.trial_files import trial_directory
from seg.sweeps.trials import Sweep, Trial

FILE = "report.html"
_SHOWN_ROWS = 30
_STATES = ("finished", "failed", "pruned", "running")


@dataclass(frozen=True)
class Section:
    """A further part of the page, between the charts and the failures.

    Attributes:
        title: of the part.
        body: markup as it is, any other text escaped.
        lead: a sentence below the title.
    """

    title: str
    body: Markup | str
    lead: str = ""


def write_page(directory: Path, sweep: Sweep, path: Path, sections: Sequence[Section] = ()) -> None:
    """Write the page, whole or not at all.

    Args:
        directory: of the sweep; its trials' folders are read as far as they are there.
        sweep: what it knows.
        path: the file to write.
        sections: further parts.
    """
    text = page(directory, sweep, sections)
    write_atomically(path, lambda file: file.write(text.encode()))


def page(directory: Path, sweep: Sweep, sections: Sequence[Section] = ()) -> str:
    """The page as text."""
    best = winner(sweep)
    content = {
        "name": directory.resolve().name,
        "path": directory,
        "line": shlex.join(["python", "-m", f"seg.{sweep.command}", "-m", *sweep.line]),
        "monitor": title_of(sweep.monitor),
        "unit": "%" if is_share(sweep.monitor) else "",
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
        "standings": [_standing(sweep, each) for each in group_by_seed(sweep)],
        "choice_keys": [key for key in sweep.swept if key != SEED],
        "parallel": parallel_chart(sweep),
        "importance": importance_chart(sweep),
        "importance_notes": importance_notes(sweep),
        "charts": _charts(directory, sweep),
        "sections": list(sections),
        "failures": [trial for trial in sweep.trials if trial.state == "failed"],
        "absent": ABSENT,
        "shown_rows": _SHOWN_ROWS,
    }
    return filled("sweep.html", content)


def _find_winner(directory: Path, sweep: Sweep, best: Trial) -> Winner | None:
    try:
        return winner_of(directory, sweep, best)
    except Exception:  # whatever the grammar makes of a damaged record; the rest is worth a page
        return None


def _counts(sweep: Sweep) -> list[tuple[str, int]]:
    counts = [(state, sum(t.state == state for t in sweep.trials)) for state in _STATES]
    return [(state, count) for state, count in counts if count or state == "finished"]


def _seconds(sweep: Sweep) -> dict[str, float] | None:
    """All trials together, and a finished one in the mean."""
    known = [trial.seconds for trial in sweep.trials if trial.seconds is not None]
    finished = [t.seconds for t in sweep.ranked() if t.seconds is not None]
    if not known:
        return None
    return {"total": sum(known), "mean": fmean(finished or known)}


def _table(directory: Path, sweep: Sweep) -> dict[str, Any]:
    """Rows of the trials, the best first, with what was measured beside the value."""
    headlines, metrics = measured(directory, sweep)
    rows = [
        {
            "rank": rank,
            "trial": trial,
            "value": _short(sweep.monitor, trial.value),
            "metrics": [_short(key, metrics[trial.number].get(key)) for key in headlines],
            "report": (trial_directory(directory, trial) / FILE).is_file(),
        }
        for rank, trial in ordered(sweep)
    ]
    titles = [(title_of(key), "%" if is_share(key) else "") for key in headlines]
    return {"titles": titles, "rows": rows}


def _standing(sweep: Sweep, each: SeedGroup) -> dict[str, Any]:
    return {
        "choices": each.choices,
        "mean": _short(sweep.monitor, each.mean),
        "std": _short(sweep.monitor, each.std, 2),
        "seeds": len(each.values),
        "trials": each.trials,
    }


def _charts(directory: Path, sweep: Sweep) -> list[Markup]:
    found = (curves_chart(directory, sweep), progress_chart(sweep))
    return [chart for chart in found if chart is not None]


def _short(name: str, value: float | None, digits: int = 2) -> str:
    """A value without its unit."""
    return percent(value, digits) if is_share(name) else significant(value, 4)
