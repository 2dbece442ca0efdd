"""The parts of a page about one run; a part is None or empty where the run has nothing for it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from seg.metrics.unlearnt import unlearnt
from seg.reports.charts.heat_map import heat_map, most_confused
from seg.reports.charts.lines import Line, line_chart, smoothed
from seg.reports.charts.reliability import reliability_diagram
from seg.reports.images import Embedded, drawing, photograph
from seg.reports.number_format import percent, significant, whole
from seg.reports.run_reader import Run, is_number

_LAYERS = ("image", "label", "prediction", "error")
_EXAMPLES = 4
_EXAMPLE_PX = 768


@dataclass(frozen=True)
class Example:
    """A picture with its label, prediction and error; what cannot be read is left out."""

    name: str
    miou: float | None
    pixel_accuracy: float | None
    layers: dict[str, Embedded]


def curves(run: Run) -> list[Markup]:
    """Loss and scores over the steps."""
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
    found = []
    if any(line.points for line in losses):
        found.append(line_chart(losses, title="Loss", shown=significant))
    if any(line.points for line in scores):
        found.append(line_chart(scores, title="Scores, %", shown=percent_axis, best=best))
    if any(line.points for line in rates):
        found.append(line_chart(rates, title="Learning rate", shown=significant))
    return found


def confusion(run: Run) -> dict[str, Any] | None:
    """The matrix and what is taken for what most often."""
    matrix = run.evaluation.get("confusion")
    names = run.classes
    if not matrix or len(matrix) != len(names) or any(len(row) != len(names) for row in matrix):
        return None
    palette = run.palette
    colors = [palette[name] for name in names] if len(palette) == len(names) else None
    return {
        "chart": heat_map(matrix, names, colors),
        "worst": most_confused(matrix, names),
        "palette": palette,
        "pixels": sum(map(sum, matrix)),
    }


def unlearnt_classes(run: Run) -> list[str]:
    """Lines on classes that are never predicted, or never right."""
    matrix, names = run.evaluation.get("confusion"), run.classes
    if not matrix or len(matrix) != len(names) or any(len(row) != len(names) for row in matrix):
        return []
    return unlearnt(matrix, names, run.config)


def calibration(run: Run) -> dict[str, Any] | None:
    """The reliability diagram, and what one temperature for all logits would change."""
    found = run.evaluation.get("calibration") or {}
    if not found.get("edges") or not sum(found.get("count") or [0]):
        return None
    chart = reliability_diagram(
        found["edges"], found["count"], found["confidence"], found["accuracy"]
    )
    numbers = {
        key: found.get(key) if is_number(found.get(key)) else None
        for key in ("ece", "temperature", "ece_after")
    }
    return {"chart": chart, **numbers, "sure_of_itself": _overconfidence(found)}


def size_strata(run: Run) -> list[dict[str, Any]]:
    """How much is found of segments by their share of the picture, from small to large."""
    keys = ("name", "below", "segments", "pixel_recall", "segment_recall")
    strata = run.evaluation.get("size_strata") or []
    rows = [{key: each.get(key) for key in keys} for each in strata if isinstance(each, dict)]
    return [row for row in rows if row["segments"]]


def scored_on(run: Run) -> str:
    """How many pictures of which split."""
    protocol = run.evaluation.get("protocol") or {}
    pictures, split = protocol.get("images"), protocol.get("split")
    if not is_number(pictures):
        return ""
    return f"{whole(pictures)} pictures" + (f" of {split}" if split else "")


def examples(run: Run) -> dict[str, list[Example]]:
    """`worst` and `best` pictures that can be read."""
    told = run.evaluation.get("examples") or {}
    found = {
        kind: [_example(entry, run.path) for entry in (told.get(kind) or [])[:_EXAMPLES]]
        for kind in ("worst", "best")
    }
    whole = {
        kind: [each for each in entries if each is not None and len(each.layers) > 1]
        for kind, entries in found.items()
    }
    return {kind: entries for kind, entries in whole.items() if entries}


def percent_axis(value: float) -> str:
    """A share in hundredths, with a digit only where it has one."""
    return percent(value, 0 if abs(100 * value - round(100 * value)) < 1e-6 else 1)


def _overconfidence(found: dict[str, Any]) -> float:
    """Mean confidence minus accuracy, over all pixels."""
    rows = zip(found["count"], found["confidence"], found["accuracy"], strict=False)
    gaps = [
        (pixels, pixels * (sure - right))
        for pixels, sure, right in rows
        if pixels and sure is not None and right is not None
    ]
    total = sum(pixels for pixels, _ in gaps)
    return float(sum(gap for _, gap in gaps) / total) if total else 0.0


def _example(entry: Any, folder: Path) -> Example | None:
    if not isinstance(entry, dict):
        return None
    layers: dict[str, Embedded] = {}
    for layer in _LAYERS:
        read: Callable[[Path, int], Embedded | None] = photograph if layer == "image" else drawing
        path = _inside(folder, entry.get(layer))
        picture = None if path is None else read(path, _EXAMPLE_PX)
        if picture is not None:
            layers[layer] = picture
    if "image" not in layers:
        return None
    numbers = [entry.get(key) for key in ("miou", "pixel_accuracy")]
    miou, accuracy = (float(each) if is_number(each) else None for each in numbers)
    return Example(str(entry.get("name", "")), miou, accuracy, layers)


def _inside(folder: Path, name: Any) -> Path | None:
    """A file of the run directory; what points out of it is none of the report's business."""
    if not isinstance(name, str) or not name:
        return None
    path = (folder / name).resolve()
    return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
