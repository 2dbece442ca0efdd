"""The content of a run directory, as far as it is there."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from seg.errors import ConfigError
from seg.io.csv_table import column_name
from seg.metrics.score_keys import under_split
from seg.reports.run_files import read_config, read_curve, read_record, read_resumes

Points = list[tuple[float, float]]
_MARKS = ("config.yaml", "metrics.csv", "metrics.json", "evaluation.json")


@dataclass(frozen=True)
class Run:
    """A run of `seg.train`, `seg.pretrain` or `seg.evaluate`; what is absent is empty.

    Attributes:
        path: the run directory.
        name: a short name, unique among the runs of a report.
        config: of `config.yaml`.
        curve: rows of `metrics.csv`: column -> number, without empty cells.
        metrics: of `metrics.json`; None for what is not defined.
        evaluation: of `evaluation.json`.
        environment: of `environment.json`.
        resumes: lines of `resumes.jsonl`.
    """

    path: Path
    name: str
    config: dict[str, Any] = field(default_factory=dict)
    curve: list[dict[str, float]] = field(default_factory=list)
    metrics: dict[str, float | None] = field(default_factory=dict)
    evaluation: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    resumes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def split(self) -> str:
        """Return the split of the scores; `val` for a training."""
        return str((self.evaluation.get("protocol") or {}).get("split") or "val")

    @property
    def finished(self) -> bool:
        """Return whether the run has been scored at its end."""
        return bool(self.metrics or self.evaluation)

    @property
    def trained(self) -> bool:
        """Return whether the run is a training, not an evaluation alone."""
        return bool(self.curve) or "trainer" in self.config

    @property
    def last_step(self) -> int:
        """Return the number of optimizer steps that the curve reaches."""
        return int(self.curve[-1]["step"]) + 1 if self.curve else 0

    def series(self, column: str) -> Points:
        """Return `(step, value)` of a column of the curve, where it has one."""
        name = column_name(column)
        return [(row["step"], row[name]) for row in self.curve if name in row and "step" in row]

    def score(self, name: str) -> float | None:
        """Return a score of the best weights, such as `miou`; None if unknown or not defined."""
        for scores in (self.evaluation.get("scores") or {}, self.metrics):
            value = under_split(scores, self.split).get(f"{self.split}/{name}")
            if is_number(value):
                return float(value)
        return None

    def interval(self, name: str) -> tuple[float, float] | None:
        """Return the 95 % interval of a score, if it was computed."""
        intervals = under_split(self.evaluation.get("intervals") or {}, self.split)
        bounds = intervals.get(f"{self.split}/{name}")
        if not isinstance(bounds, list) or len(bounds) != 2 or not all(map(is_number, bounds)):
            return None
        return float(bounds[0]), float(bounds[1])

    @property
    def classes(self) -> list[str]:
        """List the class names in their order, as far as they are known."""
        if self.evaluation.get("classes"):
            return [str(name) for name in self.evaluation["classes"]]
        prefix = f"{self.split}/iou/"
        columns = under_split(self.metrics, self.split) or {k: 0 for row in self.curve for k in row}
        return [key.removeprefix(prefix) for key in columns if key.startswith(prefix)]

    @property
    def confusion(self) -> list[list[int]]:
        """Return the pixels by label and prediction; empty if unknown, or of other classes."""
        matrix: list[list[int]] = self.evaluation.get("confusion") or []
        lengths = {len(matrix), *map(len, matrix)}
        return matrix if lengths == {len(self.classes)} else []

    @property
    def palette(self) -> dict[str, tuple[int, int, int]]:
        """Return class name -> RGB, as far as it is known."""
        colors = self.evaluation.get("palette") or []
        return {
            name: (int(color[0]), int(color[1]), int(color[2]))
            for name, color in zip(self.classes, colors, strict=False)
        }


def is_run(directory: Path) -> bool:
    """Return whether a directory contains anything that a report can show."""
    return any((directory / name).is_file() for name in _MARKS)


def find_runs(named: str | list[str]) -> list[Path]:
    """List run directories that are named, or that a pattern finds.

    Raises:
        ConfigError: a directory that does not exist or contains no run.
    """
    run_dirs: list[Path] = []
    for each in [named] if isinstance(named, str) else named:
        directory = Path(each).expanduser()
        runs = [directory]
        if not is_run(directory):
            anchor = Path(directory.anchor)
            is_pattern = any(mark in str(directory) for mark in "*?[")
            paths = anchor.glob(str(directory.relative_to(anchor))) if is_pattern else ()
            runs = sorted(filter(is_run, paths))
        if not runs:
            raise ConfigError(
                f"runs={each}: no run there (none of config.yaml, metrics.csv, metrics.json, "
                "evaluation.json); give run directories as runs=[DIR,DIR], or a pattern as "
                "runs='runs/train/streets/*'"
            )
        run_dirs += runs
    if not run_dirs:
        raise ConfigError("runs: empty; give a run directory")
    return list(dict.fromkeys(run_dirs))


def read_runs(directories: list[Path]) -> list[Run]:
    """Read run directories; the names are as short as unique names can be.

    Raises:
        DataError: a file there is damaged; it is named.
    """
    return [
        Run(
            directory,
            name,
            config=read_config(directory / "config.yaml"),
            curve=read_curve(directory / "metrics.csv"),
            metrics=read_record(directory / "metrics.json"),
            evaluation=read_record(directory / "evaluation.json"),
            environment=read_record(directory / "environment.json"),
            resumes=read_resumes(directory / "resumes.jsonl"),
        )
        for directory, name in zip(directories, _names(directories), strict=True)
    ]


def is_number(value: Any) -> TypeGuard[float]:
    """Return whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _names(directories: list[Path]) -> list[str]:
    """Return the shortest ends of the paths that tell them apart."""
    parts = [directory.resolve().parts for directory in directories]
    for depth in range(1, 12):
        names = ["/".join(each[-depth:]) for each in parts]
        if len(set(names)) == len(set(parts)):
            return names
    return [str(directory) for directory in directories]
