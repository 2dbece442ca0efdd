"""`report.html`: one file that contains everything and fetches nothing."""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from seg import __version__
from seg.errors import is_out_of_room
from seg.io.atomic import write_atomically
from seg.reports.charts.bars import bar_chart, swatch
from seg.reports.charts.lines import sparkline
from seg.reports.comparison import comparison, warnings
from seg.reports.config_summary import main_choices
from seg.reports.energy import Tariff, estimate
from seg.reports.images import embed_animation, embed_photograph
from seg.reports.number_format import (
    capitalize_first,
    duration,
    moment,
    percent,
    percent_range,
    significant,
    whole,
)
from seg.reports.run_reader import Run, read_runs
from seg.reports.scores import class_scores, frequency_rows, headlines, iou_rows, role
from seg.reports.sections import (
    calibration,
    confusion,
    curves,
    examples,
    history,
    scored_on,
    sessions,
    size_strata,
    unlearnt_classes,
)

log = logging.getLogger(__name__)
_TEMPLATES = Path(__file__).parent / "templates"
_GRID_PX = 1600


def write_report(run_dirs: Sequence[Path], path: Path, tariff: Tariff | None = None) -> None:
    """Write one page about one or several runs, whose absent files are left out.

    Raises:
        DataError: a file in a run directory is damaged; it is named.
    """
    runs = read_runs(list(run_dirs))
    for warning in warnings(runs) if len(runs) > 1 else ():
        log.warning("%s", warning)
    page = render(runs, tariff or Tariff())
    write_atomically(path, lambda file: file.write(page.encode(errors="replace")))


def write_run_report(run_dir: Path) -> None:
    """Write `report.html` into a run directory; a page that fails is a warning.

    Raises:
        OSError: the disk is full; the page can be written later.
    """
    path = run_dir / "report.html"
    try:
        write_report([run_dir], path)
    except Exception as error:
        if is_out_of_room(error):
            raise
        log.warning("no report: %s (python -m seg.report runs=%s)", error, run_dir)
    else:
        log.info("report: %s", path.resolve().as_uri())


def render(runs: list[Run], tariff: Tariff) -> str:
    """Return the page as text."""
    views = [_view(run, place, tariff) for place, run in enumerate(runs)]
    together = comparison(runs) if len(runs) > 1 else None
    return render_template("page.html", {"runs": views, "comparison": together})


def render_template(template: str, content: Mapping[str, Any]) -> str:
    """Render a template that extends `layout.html` with the style and script of all pages."""
    return (
        _environment()
        .get_template(template)
        .render(
            style=Markup((_TEMPLATES / "page.css").read_text(encoding="utf-8")),
            script=Markup((_TEMPLATES / "page.js").read_text(encoding="utf-8")),
            written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            version=__version__,
            **content,
        )
    )


@cache
def _environment() -> Environment:
    """Return the template environment with its filters."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (capitalize_first, duration, moment, percent, percent_range, significant, whole)
    environment.filters |= {each.__name__: each for each in (*filters, swatch)}
    environment.globals["sparkline"] = sparkline
    return environment


def _view(run: Run, place: int, tariff: Tariff) -> dict[str, Any]:
    """Return the page's content on one run."""
    classes = class_scores(run)
    return {
        "id": f"run-{place + 1}",
        "role": role(place),
        "run": run,
        "scored_on": scored_on(run),
        "scored_step": (run.evaluation.get("checkpoint") or {}).get("step"),
        "headlines": headlines(run),
        "unlearnt": unlearnt_classes(run),
        "progress": _progress(run),
        "curves": curves(run),
        "classes": classes,
        "class_columns": _columns(classes),
        "class_bars": bar_chart(iou_rows([run]), "IoU of each class") if classes else None,
        "frequencies": _frequencies(run),
        "confusion": confusion(run),
        "calibration": calibration(run),
        "size_strata": size_strata(run),
        "examples": examples(run),
        "animation": embed_animation(run.path / "learning.gif"),
        "grid": embed_photograph(run.path / "predictions.png", _GRID_PX),
        "choices": main_choices(run.config),
        "config": yaml.safe_dump(run.config, sort_keys=False, allow_unicode=True, width=96)
        if run.config
        else "",
        "sessions": sessions(run),
        "history": history(run),
        "estimate": estimate(run, tariff),
    }


def _frequencies(run: Run) -> Markup | None:
    """Draw the shares of the classes; None without a confusion matrix."""
    rows = frequency_rows(run)
    if not rows:
        return None
    most = max(bar.value or 0.0 for row in rows for bar in row.bars)
    return bar_chart(rows, "Share of the pixels of each class", top=most, digits=2)


def _columns(classes: list[Any]) -> list[tuple[str, str]]:
    """Return the columns of numbers that any class has."""
    titles = (
        ("iou", "IoU"),
        ("dice", "Dice"),
        ("accuracy", "Accuracy"),
        ("boundary_iou", "Boundary"),
        ("labelled", "Labelled"),
        ("predicted", "Predicted"),
    )
    return [
        (key, title)
        for key, title in titles
        if any(getattr(each, key) is not None for each in classes)
    ]


def _progress(run: Run) -> str:
    """Describe how far an unfinished run is."""
    if run.finished or not run.trained:
        return ""
    if not run.curve:
        return "no step is recorded yet"
    epoch = run.curve[-1].get("epoch")
    return f"step {run.last_step:,}" + ("" if epoch is None else f", epoch {int(epoch) + 1}")
