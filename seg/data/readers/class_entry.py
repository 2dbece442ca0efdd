"""Entries of class files, one a class: names in lines, label maps with colors, tables."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seg.data.readers.color_labels import Color
from seg.data.readers.urls import Location, read_bytes
from seg.errors import DataError, brief, first_of
from seg.io.csv_table import parse_csv
from seg.io.source import Source

CLASS_FORMS = (
    '["road", ...], {"road": [r, g, b], ...}, {"0": "road", ...}\n'
    '  or [{"name": "road", "id": 7, "color": [r, g, b], "ignore": false}, ...]'
)
"""The allowed contents of a JSON file of classes, for messages."""

LARGEST_ID = 65535
_LONGEST_NAME = 200
_BYTE = re.compile(r"[0-9]{1,3}")
_NUMBERED = re.compile(r"(\d+[\s:,;=]+)+\D.*|.*\D(?:[\s:,;=]+\d+){3}")
_LABEL_MAP = re.compile(r".+:[^:]*:[^:]*:[^:]*")  # name:red,green,blue:parts:actions
_IGNORED = "__ignore__"
_VOC_VOID = ("ignored", (224, 224, 192))  # the border of VOC's objects, as Datumaro writes it
_COLUMNS = {
    "name": ("name", "class", "class_name", "label"),
    "id": ("id", "pixel value", "pixel_value", "value"),
    "red": ("r", "red"),
    "green": ("g", "green"),
    "blue": ("b", "blue"),
}


@dataclass(frozen=True)
class ClassEntry:
    """One class of pixels.

    Attributes:
        name: of the class.
        id: its value in label files.
        color: RGB, 0 to 255; None: not given.
        ignored: its pixels neither train nor score.
    """

    name: str
    id: int
    color: Color | None = None
    ignored: bool = False


def class_name(name: Any, location: Location, at: int) -> str:
    """Return a class's name without blanks around it.

    Raises:
        DataError: it is no word.
    """
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
        raise DataError(f"{location}: entry {at}: name is {brief(name)}; a word is needed")
    return name.strip()


def class_id(value: Any, location: Location, entry: str) -> int:
    """Return a class's value in label files, once checked.

    Raises:
        DataError: it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST_ID:
        raise DataError(f"{location}: {entry}: id is {brief(value)}; allowed: 0 to {LARGEST_ID}")
    return value


def entries_of_text(location: Location) -> list[ClassEntry]:
    """Read the lines of a text file: one name each, or those of a label map (CVAT, Datumaro).

    The ids are 0, 1, ... in their order; a first line `__ignore__`, as LabelMe has it, is passed
    over.

    Raises:
        DataError: the file is not UTF-8, or a line is no name.
    """
    lines = numbered_lines(location)
    rows = [(number, text) for number, text in lines if text and not text.startswith("#")]
    if rows and all(_LABEL_MAP.fullmatch(text) for _, text in rows):
        return entries_of_label_map(rows, location)
    while lines and not lines[-1][1]:
        lines.pop()
    if lines and lines[0][1] == _IGNORED:
        del lines[0]
    if lines and all(_NUMBERED.fullmatch(text) for _, text in lines):
        raise DataError(
            f"{location}: its lines hold numbers beside names ({brief(lines[0][1])}): are these"
            " ids?\n"
            f"  a text file has one name a line; write a JSON file otherwise: {CLASS_FORMS}"
        )
    for number, text in lines:
        if not text or text.startswith("#") or set("{}[]") & set(text):
            raise DataError(
                f"{location}, line {number}: {brief(text) if text else 'it is empty, which'} is no"
                " class\n"
                "  a text file has one name a line, that of the id 0 first, and no other lines\n"
                f"  or write a JSON file: {CLASS_FORMS}"
            )
    if len(lines) == 1 and "," in lines[0][1]:
        raise DataError(f"{location}: one line, {brief(lines[0][1])}; write one name a line")
    return [ClassEntry(class_name(text, location, at), at) for at, (_, text) in enumerate(lines)]


def entries_of_label_map(lines: Sequence[tuple[int, str]], location: Location) -> list[ClassEntry]:
    """Read lines `name:red,green,blue:parts:actions`; parts and actions are ignored.

    Datumaro leaves all colors out (`car:::`) where none was chosen. Its class `ignored` of Pascal
    VOC, the border of objects, is ignored.

    Args:
        lines: with their numbers, without empty ones and comments.
        location: the file, for messages.

    Raises:
        DataError: what is wrong in which line, or some have colors and some not.
    """
    entries: list[ClassEntry] = []
    for line, text in lines:
        # From the right: a name may hold a colon.
        name, *others = text.rsplit(":", 3)
        if name and others and not any(others):
            entries.append(ClassEntry(name.strip(), len(entries)))
            continue
        shares = others[0].split(",") if len(others) == 3 else []
        numbers = [int(share) for share in shares if _BYTE.fullmatch(share.strip())]
        if not name or len(shares) != 3 or len(numbers) != 3 or max(numbers) > 255:
            raise DataError(
                f"{location}, line {line}: {brief(text)} is not name:red,green,blue:parts:actions"
                " (road:128,64,128::)"
            )
        color = (numbers[0], numbers[1], numbers[2])
        is_void = (name.strip(), color) == _VOC_VOID
        entries.append(ClassEntry(name.strip(), len(entries), color, ignored=is_void))
    bare = [entry.name for entry in entries if entry.color is None]
    if bare and len(bare) < len(entries):
        raise DataError(
            f"{location}: {first_of(bare)} have no color and others have\n"
            f"  write the color of its pixels in the labels: {bare[0]}:red,green,blue::"
        )
    return entries


def entries_of_table(location: Location) -> list[ClassEntry]:
    """Read a CSV table: `name,r,g,b`, `Pixel Value,Class` (Roboflow), or both kinds of columns.

    Raises:
        DataError: what is wrong in which line.
    """
    source = Source(location, "class file", "save it as CSV UTF-8")
    rows = [
        (line, [cell.strip() for cell in cells])
        for line, cells in parse_csv(read_bytes(location, "class file"), source)
        if any(cell.strip() for cell in cells)
    ]
    header = [cell.lower() for cell in rows[0][1]] if rows else []
    keys = [
        next((key for key, words in _COLUMNS.items() if cell in words), cell) for cell in header
    ]
    colors = {"red", "green", "blue"} & set(keys)
    if "name" not in keys or set(keys) - set(_COLUMNS) or len(colors) in (1, 2):
        raise DataError(
            f"{location}, line 1: the columns are {brief(', '.join(header))}\n"
            "  allowed: name, id, r, g, b, of which name must be there; or Pixel Value, Class"
        )
    entries = []
    for at, (line, cells) in enumerate(rows[1:]):
        if len(cells) != len(keys):
            raise DataError(f"{location}, line {line}: {len(cells)} cells, not {len(keys)}")
        row = dict(zip(keys, cells, strict=True))
        where = f"line {line}"
        name = class_name(row["name"], location, at)
        id_ = class_id(_number(row["id"]), location, where) if "id" in row else at
        shares = [_number(row[key]) for key in ("red", "green", "blue") if key in row]
        if any(not isinstance(share, int) or share > 255 for share in shares):
            raise DataError(f"{location}, {where}: a color is three numbers of 0 to 255")
        color = (int(shares[0]), int(shares[1]), int(shares[2])) if shares else None
        entries.append(ClassEntry(name, id_, color))
    return entries


def numbered_lines(location: Location) -> list[tuple[int, str]]:
    """Read the lines of a text file without blanks around them, each with its number.

    Raises:
        DataError: it is not UTF-8.
    """
    try:
        text = read_bytes(location, "class file").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{location}: not UTF-8 ({error})\n  save it as UTF-8", fault="damaged"
        ) from error
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]


def _number(cell: str) -> int | str:
    return int(cell) if cell.isascii() and cell.isdigit() and len(cell) < 10 else cell
