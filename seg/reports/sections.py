"""The sections of a page on one run; None or empty if the run has no data for one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from seg.metrics.unlearnt import unlearnt
from seg.reports.charts.bars import Color
from seg.reports.charts.heat_map import heat_map, most_confused
from seg.reports.charts.lines import Line, line_chart, smoothed
from seg.reports.charts.reliability import reliability_diagram
from seg.reports.images import EmbeddedImage, embed_drawing, embed_photograph
from seg.reports.number_format import percent, significant, whole
from seg.reports.run_reader import Run, is_number

_LAYERS = ("image", "label", "prediction", "error")
_EXAMPLES = 4
_EXAMPLE_PX = 768
_MOST_DRAWN, _DRAWN_OF_MANY = 255, 100  # classes of a confusion matrix
_OTHERS = (128, 128, 128)


@dataclass(frozen=True)
class Example:
    """An image with its label, prediction and error; what cannot be read is left out."""

    name: str
    miou: float | None
    pixel_accuracy: float | None
    layers: dict[str, EmbeddedImage]


def curves(run: Run) -> list[Markup]:
    """Draw loss, scores and learning rates over the steps."""
    loss = run.series("train/loss")
    losses = [
        Line("train, each step", loss, "train", faint=True),
        Line("train", smoothed(loss), "train"),
        Line("validation", run.series("val/loss"), "val", dotted=True),
    ]
    # a segmenter's, or a classifier's
    headlines = (
        ("val/miou", "mIoU", "val"),
        ("val/pixel_accuracy", "pixel accuracy", "train"),
        ("val/top1", "top-1", "val"),
        ("val/top5", "top-5", "train"),
    )
    scores = [Line(title, run.series(key), kind, dotted=True) for key, title, kind in headlines]
    monitored = run.series("val/miou") or run.series("val/top1")
    rates = [
        Line(column, run.series(column), "train")
        for column in sorted({key for row in run.curve for key in row if key.startswith("lr-")})
    ]
    best = max(monitored, key=lambda point: point[1], default=None)
    charts = []
    if any(line.points for line in losses):
        charts.append(line_chart(losses, title="Loss", format_value=significant))
    if any(line.points for line in scores):
        charts.append(line_chart(scores, title="Scores, %", format_value=percent_axis, best=best))
    if any(line.points for line in rates):
        charts.append(line_chart(rates, title="Learning rate", format_value=significant))
    return charts


def confusion(run: Run) -> dict[str, Any] | None:
    """Return the confusion matrix and the largest confusions."""
    matrix, names, palette = run.confusion, run.classes, run.palette
    if not matrix:
        return None
    colors = [palette[name] for name in names] if len(palette) == len(names) else None
    return {
        "chart": heat_map(*_drawable(matrix, names, colors)),
        "worst": most_confused(matrix, names),
        "palette": palette,
        "pixels": sum(map(sum, matrix)),
    }


def _drawable(
    matrix: Sequence[Sequence[int]], names: Sequence[str], colors: Sequence[Color] | None
) -> tuple[Sequence[Sequence[int]], Sequence[str], Sequence[Color] | None]:
    """Return a confusion matrix that a page has room for: of many classes the most labelled.

    The last row and column are then all other classes.
    """
    if len(names) <= _MOST_DRAWN:
        return matrix, names, colors
    counts = np.array(matrix)
    drawn = np.sort(np.argsort(-counts.sum(1), kind="stable")[:_DRAWN_OF_MANY])
    group = np.full(len(names), len(drawn))
    group[drawn] = np.arange(len(drawn))
    joined = np.zeros((len(drawn) + 1,) * 2, np.int64)
    np.add.at(joined, (group[:, None], group), counts)
    chosen = None if colors is None else [*(colors[at] for at in drawn), _OTHERS]
    rest = f"{len(names) - len(drawn)} others"
    return joined.tolist(), [*(names[at] for at in drawn), rest], chosen


def unlearnt_classes(run: Run) -> list[str]:
    """Describe classes that are never predicted, or never right."""
    return unlearnt(run.confusion, run.classes, run.config) if run.confusion else []


def calibration(run: Run) -> dict[str, Any] | None:
    """Return the reliability diagram, and the effect of temperature scaling."""
    diagram = run.evaluation.get("calibration") or {}
    if not diagram.get("edges") or not sum(diagram.get("count") or [0]):
        return None
    chart = reliability_diagram(
        diagram["edges"], diagram["count"], diagram["confidence"], diagram["accuracy"]
    )
    numbers = {
        key: diagram.get(key) if is_number(diagram.get(key)) else None
        for key in ("ece", "temperature", "ece_after")
    }
    return {"chart": chart, **numbers, "sure_of_itself": _overconfidence(diagram)}


def size_strata(run: Run) -> list[dict[str, Any]]:
    """Return the recall of segments by their share of the image, from small to large."""
    keys = ("name", "below", "segments", "pixel_recall", "segment_recall")
    strata = run.evaluation.get("size_strata") or []
    rows = [{key: each.get(key) for key in keys} for each in strata]
    return [row for row in rows if row["segments"]]


def scored_on(run: Run) -> str:
    """Describe how many images of which split were scored."""
    protocol = run.evaluation.get("protocol") or {}
    images, split = protocol.get("images"), protocol.get("split")
    if not is_number(images):
        return ""
    return f"{whole(images)} images" + (f" of {split}" if split else "")


def examples(run: Run) -> dict[str, list[Example]]:
    """Return the `worst` and `best` images that can be read."""
    recorded = run.evaluation.get("examples") or {}
    entries_of = {
        kind: [_example(entry, run.path) for entry in (recorded.get(kind) or [])[:_EXAMPLES]]
        for kind in ("worst", "best")
    }
    readable = {
        kind: [each for each in entries if each is not None and len(each.layers) > 1]
        for kind, entries in entries_of.items()
    }
    return {kind: entries for kind, entries in readable.items() if entries}


def sessions(run: Run) -> list[dict[str, Any]]:
    """Return machine, code and command of each start, as far as they are recorded."""
    keys = ("what", "commit", "branch", "dirty", "diff")
    return [
        {
            "command": each.get("command"),
            "facts": _facts(each),
            "git": [{key: state.get(key) for key in keys} for state in each.get("git") or []],
        }
        for each in run.environment.get("sessions") or []
    ]


def history(run: Run) -> list[dict[str, Any]]:
    """Return the events of a run in order; older runs recorded only resumes."""
    events = run.environment.get("history") or [{"event": "resumed"} | each for each in run.resumes]
    keys = ("event", "time", "step")
    return [{key: each.get(key) for key in keys} for each in events]


def percent_axis(value: float) -> str:
    """Format a share in hundredths, with a digit only if it has one."""
    return percent(value, 0 if abs(100 * value - round(100 * value)) < 1e-6 else 1)


def _overconfidence(diagram: dict[str, Any]) -> float:
    """Return mean confidence minus accuracy, over all pixels."""
    rows = zip(diagram["count"], diagram["confidence"], diagram["accuracy"], strict=False)
    gaps = [
        (pixels, pixels * (sure - right))
        for pixels, sure, right in rows
        if pixels and sure is not None and right is not None
    ]
    total = sum(pixels for pixels, _ in gaps)
    return float(sum(gap for _, gap in gaps) / total) if total else 0.0


def _example(entry: dict[str, Any], run_dir: Path) -> Example | None:
    """Read an example; None if its image cannot be read."""
    layers: dict[str, EmbeddedImage] = {}
    for layer in _LAYERS:
        read: Callable[[Path, int], EmbeddedImage | None] = (
            embed_photograph if layer == "image" else embed_drawing
        )
        path = _inside(run_dir, entry.get(layer))
        embedded = None if path is None else read(path, _EXAMPLE_PX)
        if embedded is not None:
            layers[layer] = embedded
    if "image" not in layers:
        return None
    numbers = [entry.get(key) for key in ("miou", "pixel_accuracy")]
    miou, accuracy = (float(each) if is_number(each) else None for each in numbers)
    return Example(str(entry.get("name", "")), miou, accuracy, layers)


def _inside(run_dir: Path, name: Any) -> Path | None:
    """Return a file of the run directory; None for one outside, or that is missing."""
    if not isinstance(name, str) or not name:
        return None
    path = (run_dir / name).resolve()
    return path if path.is_relative_to(run_dir.resolve()) and path.is_file() else None


def _facts(session: dict[str, Any]) -> list[tuple[str, str]]:
    """Return machine and libraries of a start as name and text."""
    cores, memory = session.get("cores"), session.get("memory_gib")
    machine = [
        f"{cores} cores" if cores else "",
        f"{memory:g} GiB memory" if is_number(memory) else "",
    ]
    named = (
        ("processor", session.get("cpu")),
        ("machine", ", ".join(part for part in machine if part)),
        ("graphics cards", ", ".join(map(str, session.get("gpus") or []))),
        ("processes", session.get("processes") if session.get("processes") != 1 else None),
        ("system", session.get("system")),
        ("python", session.get("python")),
        ("seg", session.get("seg")),
        *(session.get("libraries") or {}).items(),
    )
    return [(str(name), str(text)) for name, text in named if text]
