"""`metrics.csv`: the numbers of a run by step, also of a run that was cut off and goes on."""

import csv
import io
from collections.abc import Iterable, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from seg.outputs.files import write_atomically

_STEP = "step"
Row = dict[str, Any]


class Curve(Logger):
    """Writes every row at once, and after the rows that are there already.

    Lightning's own deletes what it finds, and keeps a hundred steps in memory.

    Args:
        save_dir: the folder of `metrics.csv`.
    """

    def __init__(self, *, save_dir: str) -> None:
        super().__init__()
        self._path = Path(save_dir) / "metrics.csv"

    @property
    def name(self) -> str:
        return ""

    @property
    def version(self) -> str:
        return ""

    @rank_zero_only
    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        """Nothing: `config.yaml` has them."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        row = {_STEP: step, **metrics}
        fields = _fields(self._path)
        if row.keys() <= set(fields):
            with self._path.open("a", newline="") as file:
                csv.DictWriter(file, fields).writerow(row)
        else:
            new = sorted(row.keys() - {_STEP, *fields})
            _write(
                self._path,
                [_STEP, *(field for field in fields if field != _STEP), *new],
                [*_rows(self._path), row],
            )


def cut_curve(path: Path, step: int) -> None:
    """Leave the rows before a step: a run that goes on from there writes the others again."""
    kept = list(takewhile(lambda row: _is_before(row, step), _rows(path)))
    if kept:
        _write(path, _fields(path), kept)
    else:
        path.unlink(missing_ok=True)


def _is_before(row: Row, step: int) -> bool:
    # a process that was killed may have left half a row
    return None not in row.values() and str(row[_STEP]).isdigit() and int(row[_STEP]) < step


def _fields(path: Path) -> list[str]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return next(csv.reader(file), [])


def _rows(path: Path) -> list[Row]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _write(path: Path, fields: list[str], rows: Iterable[Row]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fields)
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, lambda file: file.write(text.getvalue().encode()))
