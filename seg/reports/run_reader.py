"""What lies in a run directory, read as far as it is there."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from seg.errors import ConfigError
from seg.io.csv_table import column_name
from seg.metrics.score_keys import under_split
from seg.reports.run_files import (
    read_config,
    read_curve,
    read_environment,
    read_evaluation,
    read_metrics,
    read_resumes,
)

Points = list[tuple[float, float]]
_MARKS = ("config.yaml", "metrics.csv", "metrics.json", "evaluation.json")


@dataclass(frozen=True)
class Run:
    """A run of `seg.train`, `seg.pretrain` or `seg.evaluate`; what is absent is empty.

    Attributes:
        path: the run directory.
        name: what tells it from the other runs of a report.
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
        """The split that the scores are of; a training's is `val`."""
        return str((self.evaluation.get("protocol") or {}).get("split") or "val")

    @property
    def finished(self) -> bool:
        """Whether it has been scored at its end."""
        return bool(self.metrics or self.evaluation)

    @property
    def trained(self) -> bool:
        """Whether it is a training, not an evaluation alone."""
        return bool(self.curve) or "trainer" in self.config

    @property
    def last_step(self) -> int:
        """Optimizer steps that the curve reaches."""
        return int(self.curve[-1]["step"]) + 1 if self.curve else 0

    def series(self, column: str) -> Points:
        """`(step, value)` of a column of the curve, where it has one."""
        name = column_name(column)
        return [(row["step"], row[name]) for row in self.curve if name in row and "step" in row]

    def score(self, name: str) -> float | None:
        """A score of the best weights, such as `miou`; None: not known, or not defined."""
        for scores in (self.evaluation.get("scores") or {}, self.metrics):
            value = under_split(scores, self.split).get(f"{self.split}/{name}")
            if is_number(value):
                return float(value)
        return None

    def interval(self, name: str) -> tuple[float, float] | None:
        """The 95 % interval of a score, if it was computed."""
        intervals = under_split(self.evaluation.get("intervals") or {}, self.split)
        found = intervals.get(f"{self.split}/{name}")
        if not isinstance(found, list) or len(found) != 2 or not all(map(is_number, found)):
            return None
        return float(found[0]), float(found[1])

    @property
    def classes(self) -> list[str]:
        """Class names in their order, as far as they are known."""
        if self.evaluation.get("classes"):
            return [str(name) for name in self.evaluation["classes"]]
        prefix = f"{self.split}/iou/"
        columns = under_split(self.metrics, self.split) or {k: 0 for row in self.curve for k in row}
        return [key.removeprefix(prefix) for key in columns if key.startswith(prefix)]

    @property
    def palette(self) -> dict[str, tuple[int, int, int]]:
        """Class name -> RGB, as far as it is known."""
        colors = self.evaluation.get("palette") or []
        return {
            name: (int(color[0]), int(color[1]), int(color[2]))
            for name, color in zip(self.classes, colors, strict=False)
        }


def is_run(folder: Path) -> bool:
    """Whether a folder holds anything that a report can show."""
    return any((folder / name).is_file() for name in _MARKS)


def find_runs(named: str | list[str]) -> list[Path]:
    """Run directories that are named, or that a pattern finds.

    Raises:
        ConfigError: a folder that is not there or holds no run.
    """
    found: list[Path] = []
    for each in [named] if isinstance(named, str) else named:
        folder = Path(each).expanduser()
        runs = [folder] if is_run(folder) else list(filter(is_run, _matching(folder)))
        if not runs:
            raise ConfigError(
                f"runs={each}: no run there (none of config.yaml, metrics.csv, metrics.json, "
                "evaluation.json); give run directories as runs=[DIR,DIR], or a pattern as "
                "runs='runs/train/streets/*'"
            )
        found += runs
    if not found:
        raise ConfigError("runs: empty; give a run directory")
    return list(dict.fromkeys(found))


def _matching(pattern: Path) -> list[Path]:
    if not any(mark in str(pattern) for mark in "*?["):
        return []
    anchor = Path(pattern.anchor)
    return sorted(anchor.glob(str(pattern.relative_to(anchor))))


def read_runs(folders: list[Path]) -> list[Run]:
    """Read run directories; their names are as short as tells them apart.

    Raises:
        DataError: a file there is damaged; it is named.
    """
    return [_read(folder, name) for folder, name in zip(folders, _names(folders), strict=True)]


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _read(folder: Path, name: str) -> Run:
    return Run(
        folder,
        name,
        config=read_config(folder / "config.yaml"),
        curve=read_curve(folder / "metrics.csv"),
        metrics=read_metrics(folder / "metrics.json"),
        evaluation=read_evaluation(folder / "evaluation.json"),
        environment=read_environment(folder / "environment.json"),
        resumes=read_resumes(folder / "resumes.jsonl"),
    )


def _names(folders: list[Path]) -> list[str]:
    parts = [folder.resolve().parts for folder in folders]
    for depth in range(1, 12):
        names = ["/".join(each[-depth:]) for each in parts]
        if len(set(names)) == len(set(parts)):
            return names
    return [str(folder) for folder in folders]
