"""`metrics.csv`: the numbers of a run by step, continued when a run is resumed."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from seg.io.atomic import write_atomically
from seg.io.csv_table import column_name, format_csv, parse_numbers, read_header
from seg.io.source import Source

log = logging.getLogger(__name__)
_STEP = "step"
_STEP_DIGITS = 16
Row = Mapping[str, Any]


class Curve(Logger):
    """Logger that writes every row at once, after the rows that exist.

    Lightning's own deletes existing rows, and keeps a hundred steps in memory.

    Args:
        save_dir: the directory of `metrics.csv`.
    """

    def __init__(self, *, save_dir: str) -> None:
        super().__init__()
        self._path = Path(save_dir) / "metrics.csv"

    @property
    def name(self) -> str:
        """Return an empty name: the run directory names the run."""
        return ""

    @property
    def version(self) -> str:
        """Return an empty version."""
        return ""

    @rank_zero_only
    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        """Do nothing: `config.yaml` has them."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append a row; rewrite the file if there is a new column."""
        row = {_STEP: step, **{column_name(key): value for key, value in metrics.items()}}
        fields = read_header(self._path)
        if row.keys() <= set(fields):
            with self._path.open("a", newline="") as file:
                file.write(format_csv([_in_order(row, fields)]))
        else:
            new = sorted(row.keys() - {_STEP, *fields})
            _write(
                self._path,
                [_STEP, *(field for field in fields if field != _STEP), *new],
                [*_content(self._path)[1], row],
            )


def cut_curve(path: Path, step: int) -> None:
    """Keep the valid rows before a step, from which a resumed run writes again.

    Damaged rows, or a whole file whose first line is damaged, stay readable beside it in
    `metrics.csv.damaged`.
    """
    fields, rows, damaged = _content(path)
    if damaged or (rows and _STEP not in fields):
        aside = path.with_name(f"{path.name}.damaged")
        write_atomically(aside, lambda file: file.write(path.read_bytes()))
        log.warning("%s: damaged rows are left out; as it was it is now %s", path, aside.name)
    before = [row for row in rows if _is_before(row, step)]
    if before:
        _write(path, fields, before)
    else:
        path.unlink(missing_ok=True)


def _is_before(row: Row, step: int) -> bool:
    text = str(row.get(_STEP))
    return text.isascii() and text.isdecimal() and len(text) < _STEP_DIGITS and int(text) < step


def _content(path: Path) -> tuple[list[str], list[dict[str, str]], int]:
    """Return columns, valid rows and the number of others."""
    if not path.exists():
        return [], [], 0
    return parse_numbers(Source(path, "curve").read())


def _write(path: Path, fields: list[str], rows: Iterable[Row]) -> None:
    text = format_csv([fields, *(_in_order(row, fields) for row in rows)])
    write_atomically(path, lambda file: file.write(text.encode()))


def _in_order(row: Row, fields: list[str]) -> list[Any]:
    return [row.get(field, "") for field in fields]
