"""Comparison of several runs, with warnings if their numbers are not comparable."""

from typing import Any

from seg.reports.charts.bars import bar_chart
from seg.reports.charts.lines import Line, line_chart, smoothed
from seg.reports.config_summary import differences
from seg.reports.number_format import significant
from seg.reports.run_reader import Run
from seg.reports.scores import Score, headlines, iou_rows, role
from seg.reports.sections import percent_axis

_MOST_DIFFERENCES = 60
_MOST_CLASSES = 8


def comparison(runs: list[Run]) -> dict[str, Any]:
    """Return the page's content on several runs together."""
    rows = differences([run.config for run in runs])
    charts = [_curves(runs, "val/miou", "mIoU, %"), _curves(runs, "val/top1", "Top-1, %")]
    charts += [_curves(runs, "train/loss", "Training loss")]
    classes = iou_rows(runs)
    comparable = len({run.split for run in runs}) == 1 and not _unlike_classes(runs)
    return {
        "runs": [(run, role(place)) for place, run in enumerate(runs)],
        "scores": _table([headlines(run) for run in runs], comparable=comparable),
        "warnings": warnings(runs),
        "charts": [chart for chart in charts if chart is not None],
        "classes": bar_chart(classes, "IoU of each class, a bar a run") if classes else None,
        "differences": rows[:_MOST_DIFFERENCES],
        "more_differences": max(0, len(rows) - _MOST_DIFFERENCES),
    }


def _table(of_runs: list[list[Score]], *, comparable: bool) -> list[dict[str, Any]]:
    """Return a row a score: its title, and for each run the score and whether it is the best."""
    first = {score.key: score for scores in reversed(of_runs) for score in scores}
    order = list(dict.fromkeys(score.key for scores in of_runs for score in scores))
    table = []
    for key in order:
        cells = [next((s for s in scores if s.key == key), None) for scores in of_runs]
        values = [cell.value for cell in cells if cell is not None]
        best = min(values) if first[key].lower_is_better else max(values)
        best_of = [cell for cell in cells if cell is not None and cell.value == best]
        table.append(
            {
                "title": first[key].title,
                "meaning": first[key].meaning,
                "unit": first[key].unit,
                "cells": [
                    (cell, comparable and cell in best_of and len(set(values)) > 1)
                    for cell in cells
                ],
            }
        )
    return table


def warnings(runs: list[Run]) -> list[str]:
    """List why the numbers of several runs are not comparable."""
    protocols = [run.evaluation.get("protocol") or {} for run in runs]
    checks = (
        ("split", "The runs were scored on different splits."),
        ("split_sha256", "The runs were scored on different images."),
        ("label_map", "The runs were scored on labels that were read differently."),
        ("inference", "The runs were scored with different inference (windows, scales, flips)."),
    )
    lines = _unlike_classes(runs)
    for key, warning in checks:
        values = [repr(protocol[key]) for protocol in protocols if protocol.get(key) is not None]
        if len(set(values)) > 1:
            lines.append(warning)
    if any(run.finished for run in runs) and not all(run.finished for run in runs):
        lines.append("Not every run has finished.")
    return lines


def _unlike_classes(runs: list[Run]) -> list[str]:
    """Describe the classes in which two runs differ; empty if all have the same."""
    known = [run for run in runs if run.classes]
    other = next((run for run in known if run.classes != known[0].classes), None)
    if other is None:
        return []
    one, two = known[0].classes, other.classes
    alone = ([name for name in one if name not in two], [name for name in two if name not in one])
    if not any(alone):
        return [f"The runs have their classes in different orders: {known[0].name}, {other.name}."]
    listed = (
        f"{run.name} has {', '.join(names[:_MOST_CLASSES]) or 'none'}"
        + (f" and {len(names) - _MOST_CLASSES} more" if len(names) > _MOST_CLASSES else "")
        for run, names in zip((known[0], other), alone, strict=True)
    )
    return [f"The runs were scored on different classes; alone {'; alone '.join(listed)}."]


def _curves(runs: list[Run], column: str, title: str) -> Any:
    """Draw a column of the runs' curves; None if no run has it."""
    is_loss = column == "train/loss"
    lines = [
        Line(
            run.name,
            smoothed(run.series(column)) if is_loss else run.series(column),
            role(place),
            dotted=not is_loss,
        )
        for place, run in enumerate(runs)
    ]
    if not any(line.points for line in lines):
        return None
    return line_chart(lines, title=title, format_value=significant if is_loss else percent_axis)
