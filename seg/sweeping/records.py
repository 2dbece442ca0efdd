"""What a trial's folder tells beside `trials.json`, as far as it is there and whole."""

import csv
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import yaml

from seg.reporting.run import Points, is_number
from seg.sweeping.trials import Trial


def folder_of(directory: Path, trial: Trial) -> Path:
    """A trial's run directory, whether it is there or not."""
    return directory / str(trial.number)


def read_metrics(folder: Path) -> dict[str, float]:
    """The numbers of `metrics.json`; empty where it is missing or damaged."""
    with suppress(OSError, ValueError):
        found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        if isinstance(found, Mapping):
            return {str(key): float(value) for key, value in found.items() if is_number(value)}
    return {}


def read_curve(folder: Path, column: str) -> Points:
    """`(step, value)` of one column of `metrics.csv`, up to where it is damaged."""
    points: Points = []
    with (
        suppress(OSError, ValueError, csv.Error),
        (folder / "metrics.csv").open(newline="", encoding="utf-8") as file,
    ):
        for row in csv.DictReader(file):
            step, value = (_number(row.get(key)) for key in ("step", column))
            if step is not None and value is not None:
                points.append((step, value))
    return points


def read_overrides(folder: Path) -> list[str] | None:
    """The choices that began a run, as Hydra took them; None where they cannot be read."""
    with suppress(OSError, ValueError, yaml.YAMLError):
        path = folder / ".hydra" / "overrides.yaml"
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        if isinstance(found, list) and all(isinstance(each, str) for each in found):
            return found
    return None


def _number(text: str | None) -> float | None:
    with suppress(ValueError):
        value = float(text or "")
        return value if is_number(value) else None
    return None
