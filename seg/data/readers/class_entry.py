"""One class of people's own data, as a class file names it."""

from dataclasses import dataclass
from typing import Any

from seg.data.readers.color_labels import Color
from seg.data.readers.urls import Location
from seg.errors import DataError, brief

CLASS_FORMS = (
    '["road", ...], {"road": [r, g, b], ...}, {"0": "road", ...}\n'
    '  or [{"name": "road", "id": 7, "color": [r, g, b], "ignore": false}, ...]'
)
"""The allowed contents of a JSON file of classes, for messages."""

LARGEST_ID = 65535
_LONGEST_NAME = 200


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
