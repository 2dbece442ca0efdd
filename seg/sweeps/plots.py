"""The charts of a sweep's page; None where there is nothing to draw."""

from collections.abc import Callable, Sequence
from pathlib import Path

from markupsafe import Markup

from seg.reports.charts.bars import Bar, Row, bar_chart
from seg.reports.charts.lines import Line, line_chart
from seg.reports.charts.parallel import Strand, parallel_coordinates
from seg.reports.charts.scales import Scale, choice_scale, number_scale
from seg.reports.charts.search import Mark, search_chart
from seg.reports.number_format import significant
from seg.reports.scores import TITLES, format_metric, is_percentage
from seg.reports.sections import percent_axis
from seg.sweeps.importance import ABSENT, importances, numbers_of
from seg.sweeps.trials import Sweep, Trial, read_curve

_HINT = "Point at a line, or touch it, to see its trial."
_CUT_OF_LOSSES = 0.02


def parallel_chart(sweep: Sweep) -> Markup | None:
    """Draw an axis a swept key, the value last; a line a trial that has a value."""
    trials = [t for t in sweep.trials if t.value is not None and t.state in ("finished", "pruned")]
    keys = sweep.swept
    if not trials or not keys:
        return None
    values = [trial.value for trial in trials]
    last = number_scale(_title(sweep), values, _axis_format(sweep))
    shades = _shades(sweep)
    best = sweep.best_trial()
    strands = [Strand(_trial_label(sweep, t), shades.get(t.number), t == best) for t in trials]
    scales = [*(_scale(key, trials) for key in keys), last]
    return parallel_coordinates(scales, strands, "What was chosen, and what came of it", _HINT)


def importance_chart(sweep: Sweep) -> Markup | None:
    """Draw a bar a key: the share of the variance that its groups explain."""
    rows = [
        Row(each.key, [Bar(each.share, name=each.key, role="train")]) for each in importances(sweep)
    ]
    title = "share of the variance that each key explains, in hundredths"
    return bar_chart(rows, title, digits=0) if rows else None


def importance_notes(sweep: Sweep) -> list[str]:
    """Describe how the groups of each key were made."""
    ranked = len(sweep.ranked())
    notes = []
    for each in importances(sweep):
        groups = f"{each.groups} {'quarters of its values' if each.quartiles else 'values'}"
        alone = f"; each of the {ranked} trials has its own" if each.groups == ranked else ""
        notes.append(f"{each.key}: {groups}{alone}")
    return notes


def curves_chart(directory: Path, sweep: Sweep) -> Markup | None:
    """Draw the monitored value over the steps of each trial."""
    shades, best = _shades(sweep), sweep.best_trial()
    lines = []
    for trial in sorted(sweep.trials, key=lambda each: shades.get(each.number, -1.0)):
        points = read_curve(trial.run_dir(directory), sweep.monitor)
        if trial != best:
            role = "line-of-trial" if trial.number in shades else "apart"
            shade = shades.get(trial.number, 0.0)
            lines.append(Line(_trial_label(sweep, trial), points, role, shade=shade))
    if best is not None:
        points = read_curve(best.run_dir(directory), sweep.monitor)
        lines.append(Line(f"trial {best.number}, the best", points, "val", dotted=True))
    if not any(line.points for line in lines):
        return None
    return line_chart(
        lines,
        title=f"{_with_unit(sweep)} over the training",
        format_value=_axis_format(sweep),
        from_zero=sweep.maximize,
        cut=0.0 if sweep.maximize else _CUT_OF_LOSSES,
    )


def progress_chart(sweep: Sweep) -> Markup | None:
    """Draw the value over the number of the trial, and the best one so far."""
    marks = [
        Mark(trial.number, trial.value, trial.state)
        for trial in sorted(sweep.trials, key=lambda each: each.number)
        if trial.state != "running"
    ]
    if not any(mark.value is not None for mark in marks):
        return None
    return search_chart(
        marks,
        title=f"{_with_unit(sweep)} by trial",
        format_value=_axis_format(sweep),
        maximize=sweep.maximize,
    )


def _scale(key: str, trials: Sequence[Trial]) -> Scale:
    """Return the axis of a key: of numbers if all its values are."""
    numbers = numbers_of(key, trials)
    if numbers is not None:
        return number_scale(key, numbers)
    return choice_scale(key, [trial.choices.get(key, ABSENT) for trial in trials])


def _shades(sweep: Sweep) -> dict[int, float]:
    """Return the number of each ranked trial -> 0 (worst value) to 1 (best)."""
    ranked = [(trial.number, trial.value) for trial in sweep.ranked() if trial.value is not None]
    if not ranked:
        return {}
    best, worst = ranked[0][1], ranked[-1][1]
    span = (best - worst) or 1.0
    return {number: (value - worst) / span for number, value in ranked}


def _trial_label(sweep: Sweep, trial: Trial) -> str:
    """Return a trial's number, state, value and choices in one line."""
    choices = ", ".join(f"{key}={value}" for key, value in trial.choices.items())
    state = "" if trial.state == "finished" else f" ({trial.state})"
    value = format_metric(sweep.monitor, trial.value)
    return f"trial {trial.number}{state}: {_title(sweep)} {value}; {choices}"


def _title(sweep: Sweep) -> str:
    """Return the monitored value's title."""
    return TITLES.get(sweep.monitor, sweep.monitor)


def _with_unit(sweep: Sweep) -> str:
    """Return the monitored value's title with its unit."""
    return _title(sweep) + (", %" if is_percentage(sweep.monitor) else "")


def _axis_format(sweep: Sweep) -> Callable[[float], str]:
    """Return what formats the monitored value at an axis."""
    return percent_axis if is_percentage(sweep.monitor) else significant
