"""The files of a run directory, read and validated as far as a report needs them."""

import logging
import math
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from seg.config.former_keys import with_present_keys
from seg.io.csv_table import parse_numbers
from seg.io.json_file import parse_json_lines, read_json
from seg.io.source import Source, checked, is_valid
from seg.io.yaml_file import read_yaml

log = logging.getLogger(__name__)
_LEAVE_OUT = "move it away to leave it out"
_EVALUATE = (
    "evaluate again (python -m seg.evaluate checkpoint=RUN_DIR hydra.run.dir=DIR) and give DIR, "
    f"or {_LEAVE_OUT}"
)
_LARGEST = 2**53

Count = Annotated[int, Field(ge=0, le=_LARGEST)]
Byte = Annotated[int, Field(ge=0, le=255)]
Share = Annotated[float, Field(ge=-_LARGEST, le=_LARGEST, allow_inf_nan=False)]
Scores = dict[str, float | None]


class _Known(BaseModel):
    """The keys that a report reads; others may be there."""

    model_config = ConfigDict(extra="allow", strict=True)


class _Protocol(_Known):
    split: str | None = None
    images: Count | None = None


class _Scored(_Known):
    step: Count | None = None


class _Calibration(_Known):
    edges: list[Share] = []
    count: list[Count] = []
    confidence: list[Share | None] = []
    accuracy: list[Share | None] = []

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """Refuse bins of unlike lengths."""
        bins = len(self.count)
        if (len(self.confidence), len(self.accuracy)) != (bins, bins):
            raise ValueError("count, confidence and accuracy have unlike lengths")
        if self.edges and len(self.edges) != bins + 1:
            raise ValueError("edges are not one more than there are bins")
        return self


class _Stratum(_Known):
    name: str
    below: Share | None = None
    segments: Count | None = None
    pixel_recall: Share | None = None
    segment_recall: Share | None = None


class _Evaluation(_Known):
    protocol: _Protocol | None = None
    checkpoint: _Scored | None = None
    classes: list[str] | None = None
    palette: list[Annotated[list[Byte], Field(min_length=3, max_length=3)]] | None = None
    scores: Scores | None = None
    intervals: dict[str, Any] | None = None
    confusion: list[list[Count]] | None = None
    calibration: _Calibration | None = None
    size_strata: list[_Stratum] | None = None
    examples: dict[str, list[dict[str, Any]]] | None = None

    @model_validator(mode="after")
    def _is_square(self) -> Self:
        """Refuse a confusion matrix that is not square."""
        matrix = self.confusion or []
        if any(len(row) != len(matrix) for row in matrix):
            raise ValueError("confusion is not square")
        return self


class _Session(_Known):
    command: str | None = None
    cores: Count | None = None
    memory_gib: Share | None = None
    gpus: list[Any] | None = None
    libraries: dict[str, Any] | None = None
    git: list["_Checkout"] | None = None


class _Checkout(_Known):
    what: str | None = None
    commit: str | None = None
    branch: str | None = None
    dirty: bool | None = None
    diff: list[str] | None = None


class _Event(_Known):
    event: str = ""
    time: str | None = None
    step: Count | None = None
    cpu_wh: Share | None = None
    gpu_wh: Share | None = None


class _Environment(_Known):
    sessions: list[_Session] = []
    history: list[_Event] = []


_RECORDS: dict[str, tuple[TypeAdapter[Any], str, str]] = {
    "metrics.json": (TypeAdapter(Scores), "record of scores", _EVALUATE),
    "evaluation.json": (TypeAdapter(_Evaluation), "evaluation", _EVALUATE),
    "environment.json": (TypeAdapter(_Environment), "record of the machine", _LEAVE_OUT),
}
_RESUME: TypeAdapter[_Event] = TypeAdapter(_Event)


def read_config(path: Path) -> dict[str, Any]:
    """Return `config.yaml`; empty if absent.

    Raises:
        DataError: damaged.
    """
    content = read_yaml(path, "configuration", remedy=_LEAVE_OUT) if path.is_file() else {}
    config = checked(dict[str, Any], content or {}, Source(path, "configuration", _LEAVE_OUT))
    return dict(with_present_keys(config))


def read_record(path: Path) -> dict[str, Any]:
    """Return `metrics.json`, `evaluation.json` or `environment.json`; empty if absent.

    Raises:
        DataError: damaged.
    """
    form, kind, remedy = _RECORDS[path.name]
    content = read_json(path, kind, remedy=remedy) if path.is_file() else {}
    record = checked(form, content, Source(path, kind, remedy))
    return record if isinstance(record, dict) else dict(content)


def read_curve(path: Path) -> list[dict[str, float]]:
    """Return the sound rows of `metrics.csv` without empty cells; warn of other rows.

    Raises:
        DataError: no row can be read, since the first line is damaged.
    """
    if not path.is_file():
        return []
    source = Source(path, "curve", _LEAVE_OUT)
    header, rows, damaged = parse_numbers(source.read())
    if header and "step" not in header:
        raise source.damaged("damaged: its first line names no column 'step'")
    numbers = [{key: float(text) for key, text in row.items() if text} for row in rows]
    sound = [
        {key: value for key, value in row.items() if math.isfinite(value)}
        for row in numbers
        if abs(row.get("step", _LARGEST)) < _LARGEST
    ]
    _warn_of_damaged(path, damaged + len(rows) - len(sound), "rows")
    return sound


def read_resumes(path: Path) -> list[dict[str, Any]]:
    """Return the sound lines of `resumes.jsonl`; warn of other lines."""
    if not path.is_file():
        return []
    lines, damaged = parse_json_lines(Source(path, "record", _LEAVE_OUT).read())
    sound = [line for line in lines if is_valid(_RESUME, line)]
    _warn_of_damaged(path, damaged + len(lines) - len(sound), "lines")
    return sound


def _warn_of_damaged(path: Path, damaged: int, what: str) -> None:
    """Warn of damaged rows or lines."""
    if damaged:
        log.warning("%s: %d damaged %s are left out", path, damaged, what)
