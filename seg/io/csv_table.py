"""CSV tables: read strictly where people write them, row by row where a run wrote them; written."""

import csv
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any

from seg.io.source import Source
from seg.io.terminal import printable

_MAX_CELL = 2**20  # characters
_CALCULATED = ("=", "+", "-", "@", "\t", "\n")


def format_csv(rows: Iterable[Iterable[Any]]) -> str:
    """Return rows as the text of a CSV table, with a line feed after each.

    Spreadsheets calculate what begins with `=`, `+`, `-`, `@`, a tab or the end of a line, names of
    files and classes too. An apostrophe before it makes it text; numbers stay as they are, and
    control characters are written out.
    """
    text = StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(map(_cell, row) for row in rows)
    return text.getvalue()


def column_name(text: str) -> str:
    """Return the name of a column as it stands in a table and is read back: one line."""
    return str(_cell(text)).replace("\n", "\\n")


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = printable(value)  # also: the writer leaves a carriage return unquoted
    return f"'{text}" if text.startswith(_CALCULATED) and not _is_number(text) else text


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def parse_csv(content: bytes, source: Source) -> list[tuple[int, list[str]]]:
    """Return the rows of a CSV file, each with the number of its last line.

    Raises:
        DataError: it is too large, not UTF-8, or a line is no CSV; it is named.
    """
    source.check_size(len(content))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise source.damaged(f"not UTF-8 ({error}); save it as CSV UTF-8") from error
    csv.field_size_limit(_MAX_CELL)
    rows = csv.reader(StringIO(text, newline=""), strict=True)
    try:
        return [(rows.line_num, cells) for cells in rows]
    except csv.Error as error:
        raise source.not_valid("CSV", f"line {rows.line_num}: {error}") from error


def read_header(path: Path) -> list[str]:
    """Return the columns that the first line of a table names; empty where it has none."""
    try:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            return next(csv.reader(file), [])
    except (FileNotFoundError, csv.Error):
        return []


def parse_numbers(content: bytes) -> tuple[list[str], list[dict[str, str]], int]:
    """Return header and sound rows of a CSV table of numbers, and how many other rows there are.

    Each line stands alone, so that one damaged line costs no other. Sound is a row with a cell for
    each column, each a number or empty. A last line without its end was cut off while it was
    written: it is neither.
    """
    whole = content[: content.rfind(b"\n") + 1].decode("utf-8", "replace")
    lines = whole.splitlines(keepends=True)
    csv.field_size_limit(_MAX_CELL)
    reader = csv.reader(lines)
    try:
        header = next(reader, [])
    except csv.Error:
        return [], [], len(lines)
    if len(set(header)) != len(header):
        return [], [], len(lines)
    sound, damaged = [], 0
    for line in lines[reader.line_num :]:
        cells = _numeric_cells(line)
        if cells is not None and len(cells) == len(header):
            sound.append(dict(zip(header, cells, strict=True)))
        else:
            damaged += bool(line.strip())
    return header, sound, damaged


def _numeric_cells(line: str) -> list[str] | None:
    """Return the cells of a line; None where one of them is no number."""
    try:
        (cells,) = csv.reader([line])
        for cell in cells:
            if cell:
                float(cell)
    except (csv.Error, ValueError):  # also: no row, or more than one
        return None
    return cells
