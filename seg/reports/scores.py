"""The scores of a run, in the order in which they are read."""

from dataclasses import dataclass

from seg.reports.charts.bars import Bar, Color, Row
from seg.reports.number_format import NONE, percent, significant
from seg.reports.run_reader import Run

_HEADLINES = (
    ("top1", "Top-1 accuracy", "share of the images whose class is the first guess"),
    ("top5", "Top-5 accuracy", "share of the images whose class is among five guesses"),
    ("miou", "mIoU", "intersection over union, mean over the classes"),
    ("pixel_accuracy", "Pixel accuracy", "share of the pixels that are right"),
    ("mean_accuracy", "Class accuracy", "recall, mean over the classes"),
    ("frequency_weighted_iou", "Weighted IoU", "IoU weighted by how often a class occurs"),
    ("mean_dice", "Dice", "mean over the classes; also called F1"),
    ("boundary_miou", "Boundary mIoU", "IoU of what lies near the contours"),
    ("trimap_miou", "Trimap mIoU", "mIoU of the pixels near contours"),
    ("ece", "Calibration error", "how far confidence is from accuracy; lower is better"),
    ("loss", "Loss", "on the images that are scored; lower is better"),
)
TITLES = {f"val/{key}": title for key, title, _ in _HEADLINES}
_COLORS = 6
_NOT_SHARES = {"loss"}
_LOWER_IS_BETTER = {"loss", "ece"}


@dataclass(frozen=True)
class Score:
    """A headline number.

    Attributes:
        key: as in `metrics.json`, without the split.
        title: its name on the page.
        meaning: its explanation on the page.
        value: the number.
        text: the number as text.
        unit: of the text.
        interval: its 95 % interval.
        lower_is_better: whether it is an error.
    """

    key: str
    title: str
    meaning: str
    value: float
    text: str
    unit: str
    interval: tuple[float, float] | None
    lower_is_better: bool


@dataclass(frozen=True)
class ClassScores:
    """The scores of a class; None: not known, or the class is absent."""

    name: str
    color: Color | None
    iou: float | None
    interval: tuple[float, float] | None
    dice: float | None
    accuracy: float | None
    boundary_iou: float | None
    labelled: float | None
    predicted: float | None
    history: list[tuple[float, float]]


def is_percentage(name: str) -> bool:
    """Return whether a metric is written in hundredths: scores are, losses and seconds are not."""
    return (name in TITLES and name != "val/loss") or name.startswith(("val/iou/", "val/dice/"))


def format_metric(name: str, value: float | None, *, unit: bool = True) -> str:
    """Return a value, with its unit if wanted: `41.23 %`, `0.3125`."""
    if value is None:
        return NONE
    end = " %" if unit else ""
    return f"{percent(value, 2)}{end}" if is_percentage(name) else significant(value, 4)


def headlines(run: Run) -> list[Score]:
    """Return the scores that a run has, the one it was chosen by first."""
    scores = []
    for key, title, meaning in _HEADLINES:
        value = run.score(key)
        if value is not None:
            text = significant(value) if key in _NOT_SHARES else percent(value)
            unit = "" if key in _NOT_SHARES else "%"
            lower = key in _LOWER_IS_BETTER
            scores.append(Score(key, title, meaning, value, text, unit, run.interval(key), lower))
    return scores


def class_scores(run: Run) -> list[ClassScores]:
    """Return the scores of the classes; of an unfinished run those of the last validation."""
    labelled, predicted = _frequencies(run)
    palette = run.palette
    scores = []
    for place, name in enumerate(run.classes):
        history = run.series(f"val/iou/{name}")
        iou = run.score(f"iou/{name}")
        if not run.finished and history:
            iou = history[-1][1]
        scores.append(
            ClassScores(
                name,
                palette.get(name),
                iou,
                run.interval(f"iou/{name}"),
                run.score(f"dice/{name}"),
                run.score(f"accuracy/{name}"),
                run.score(f"boundary_iou/{name}"),
                labelled[place] if labelled else None,
                predicted[place] if predicted else None,
                history,
            )
        )
    return scores


def role(place: int) -> str:
    """Return the CSS class that gives a run its color."""
    return f"run-{place % _COLORS + 1}"


def iou_rows(runs: list[Run]) -> list[Row]:
    """Return a row a class, a bar a run, the best class of the first run first."""
    scored = [{each.name: each for each in class_scores(run)} for run in runs]
    names = list(dict.fromkeys(name for each in scored for name in each))
    rows = []
    for name in names:
        of_run = [each.get(name) for each in scored]
        color = next((each.color for each in of_run if each is not None and each.color), None)
        bars = [
            Bar(
                each.iou if each else None,
                each.interval if each else None,
                "class" if len(runs) == 1 else role(place),
                "" if len(runs) == 1 else f"{name}, {runs[place].name}",
            )
            for place, each in enumerate(of_run)
        ]
        rows.append(Row(name, bars, color))
    return sorted(rows, key=lambda row: (row.bars[0].value is None, -(row.bars[0].value or 0.0)))


def frequency_rows(run: Run) -> list[Row]:
    """Return how often each class is labelled and predicted, in the order of `iou_rows`."""
    of_class = {each.name: each for each in class_scores(run)}
    ordered = [of_class[row.name] for row in iou_rows([run])]
    return [
        Row(
            each.name,
            [
                Bar(each.labelled, name=f"{each.name}, labelled"),
                Bar(each.predicted, None, "soft", f"{each.name}, predicted"),
            ],
            each.color,
        )
        for each in ordered
        if each.labelled is not None
    ]


def _frequencies(run: Run) -> tuple[list[float], list[float]]:
    """Return shares of the pixels by label and by prediction."""
    confusion = run.confusion
    total = sum(map(sum, confusion))
    if not total:
        return [], []
    labelled = [sum(row) / total for row in confusion]
    return labelled, [sum(column) / total for column in zip(*confusion, strict=False)]
