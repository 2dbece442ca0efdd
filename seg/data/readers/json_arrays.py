"""The top-level arrays of a large JSON file, element by element: memory does not grow with it."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from seg.errors import DataError
from seg.io.json_file import parse_json, without_repeats
from seg.io.source import Source

MAX_ELEMENT_BYTES = 2**25
"""Largest element that is read: an annotation with a million corners has some 8 MB."""

_CHUNK_BYTES = 2**20
_BOM = b"\xef\xbb\xbf"
_BLANK = " \t\n\r"
_OF_NUMBER = 2  # characters that may follow a number and belong to it: 12 of 12.5, 1 of 1e+9


@dataclass(frozen=True)
class Element:
    """One element of an array, or a member of the object that is no array.

    Attributes:
        array: the key of the array, empty where the file holds one alone; or of the member.
        at: its position in it; -1: a member.
        start, end: its bytes in the file.
        value: its content.
    """

    array: str
    at: int
    start: int
    end: int
    value: Any


def iter_elements(
    source: Source, *, members: Collection[str] = (), takes_array: bool = False
) -> Iterator[Element]:
    """Yield the elements of all arrays of the object that a JSON file holds, in their order.

    Other values of the object are passed over. At most `MAX_ELEMENT_BYTES` are held at a time.

    Args:
        source: a local file.
        members: keys of other values of the object that are yielded too.
        takes_array: whether the file may hold an array in place of the object.

    Raises:
        DataError: the file is missing, empty, larger than the source allows or no JSON object
            (with line and byte), a key occurs twice in one object, or an element is too large.
    """
    path = Path(str(source.location))
    if not path.is_file():
        raise DataError(f"{path}: {source.kind} not found", fault="missing")
    source.check_size(path.stat().st_size)
    try:
        with path.open("rb") as file:
            yield from _Window(file, source).elements(members, takes_array)
    except OSError as error:
        raise DataError(
            f"{path}: {source.kind} cannot be read: {error.strerror or error}", fault="unreadable"
        ) from error


def read_element(file: BinaryIO, start: int, end: int, source: Source) -> Any:
    """Return the element that `iter_elements` yielded at these bytes.

    Raises:
        DataError: the file has changed, and there is none.
    """
    file.seek(start)
    return parse_json(file.read(end - start), source)


class _Window:
    """The part of a file that is looked at, as text in which a character is a byte (Latin-1)."""

    def __init__(self, file: BinaryIO, source: Source) -> None:
        self._file = file
        self._source = source
        self._start = len(_BOM) if file.read(len(_BOM)) == _BOM else 0  # of the text
        file.seek(self._start)
        self._text, self._at = "", 0
        self._decode = json.JSONDecoder(object_pairs_hook=without_repeats).raw_decode

    def elements(self, members: Collection[str], takes_array: bool) -> Iterator[Element]:
        """Yield the elements of all arrays of the object, or of the array in its place."""
        if not self._next():
            raise self._source.damaged("empty (no content)", fault="empty")
        if takes_array and self._next() == "[":
            yield from self._array("")
        else:
            yield from self._members(members)
        if self._next():
            raise self._invalid("more follows the object")

    def _members(self, members: Collection[str]) -> Iterator[Element]:
        self._expect("{")
        names: set[str] = set()
        separator = "}" if self._next() == "}" else ","
        while separator == ",":
            name = self._value()
            if not isinstance(name, str) or name in names:
                raise self._invalid(f"the key {str(name)[:80]!r} occurs twice or is no text")
            names.add(name)
            self._expect(":")
            if self._next() == "[":
                yield from self._array(name)
            else:
                self._next()
                start, value = self._start + self._at, self._value()
                if name in members:
                    yield Element(name, -1, start, self._start + self._at, value)
            separator = self._expect(",}")
        if separator == "}" and not names:
            self._expect("}")

    def _array(self, name: str) -> Iterator[Element]:
        self._expect("[")
        if self._next() == "]":
            self._expect("]")
            return
        at, separator = 0, ","
        while separator == ",":
            self._next()
            start = self._start + self._at
            value = self._value()
            yield Element(name, at, start, self._start + self._at, value)
            separator = self._expect(",]")
            at += 1

    def _value(self) -> Any:
        """Return the value that begins here, and go behind it."""
        self._next()
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if not isinstance(error, json.JSONDecodeError) or not self._more():
                    raise self._invalid(error) from error
                continue
            if len(self._text) - end <= _OF_NUMBER and self._more():
                continue
            part = self._text[self._at : end]
            if not part.isascii():
                value = self._utf8(part)
            self._at = end
            return value

    def _utf8(self, part: str) -> Any:
        try:
            text = part.encode("latin-1").decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._invalid(f"not UTF-8 ({error.reason})") from error
        return json.loads(text, object_pairs_hook=without_repeats)

    def _next(self) -> str:
        """Go to the next character that is no blank and return it; empty at the end."""
        while True:
            rest = len(self._text)
            while self._at < rest and self._text[self._at] in _BLANK:
                self._at += 1
            if self._at < rest:
                return self._text[self._at]
            if not self._more():
                return ""

    def _expect(self, allowed: str) -> str:
        character = self._next()
        if not character or character not in allowed:
            expected = " or ".join(map(repr, allowed))
            raise self._invalid(f"{expected} expected, not {character or 'the end'!r}")
        self._at += 1
        return character

    def _more(self) -> bool:
        """Read on, twice as far where one element fills the window; False at the end."""
        start, pending = self._start + self._at, len(self._text) - self._at
        if pending > MAX_ELEMENT_BYTES:
            raise self._source.damaged(
                f"not readable: what begins in line {self._line(start)}, at byte {start}, has more"
                f" than {MAX_ELEMENT_BYTES} bytes or no end",
                fault="too_large",
            )
        content = self._file.read(max(_CHUNK_BYTES, pending))
        if content:
            self._text = self._text[self._at :] + content.decode("latin-1")
            self._start, self._at = start, 0
        return bool(content)

    def _invalid(self, why: object) -> DataError:
        place = self._start + self._at
        if isinstance(why, json.JSONDecodeError):
            place, why = self._start + why.pos, why.msg
        return self._source.not_valid("JSON", f"line {self._line(place)}, byte {place}: {why}")

    def _line(self, place: int) -> int:
        """Return the number of the line of a byte."""
        self._file.seek(0)
        chunks = iter(partial(self._file.read, _CHUNK_BYTES), b"")
        lines, seen = 1, 0
        for chunk in chunks:
            lines += chunk[: max(place - seen, 0)].count(b"\n")
            seen += len(chunk)
            if seen >= place:
                break
        return lines
