"""XML that others wrote: elements with their lines; no document types, no entities, no network."""

from typing import Any, BinaryIO, NoReturn
from xml.parsers import expat

from seg.errors import DataError, brief
from seg.io.source import MAX_DEPTH, Source

_CHUNK = 2**20
_ENCODINGS = ("utf-8", "utf8", "us-ascii", "ascii")


class XmlParser:
    """A parser whose subclasses read the elements and the text of a file as they come.

    It refuses document types and entities, through which a small file becomes a large one or
    reads others, and elements that are nested too deep.

    Attributes:
        source: the file, for messages.
        path: the tags of the open elements, from the outermost.

    Args:
        source: the file, for messages.
        first_line: the line in the file of the first line that is parsed.
    """

    def __init__(self, source: Source, first_line: int = 1) -> None:
        self.source = source
        self.path: list[str] = []
        self._first_line = first_line
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        self._parser.XmlDeclHandler = self._declare
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self.text

    @property
    def line(self) -> int:
        """Return the line in the file of the element that is read."""
        return self._first_line + self._parser.CurrentLineNumber - 1

    @property
    def byte(self) -> int:
        """Return the position in what is parsed of the first byte of the element that is read."""
        return self._parser.CurrentByteIndex

    def parse(self, file: BinaryIO) -> None:
        """Read a file from its position to its end, or until `stop`.

        Raises:
            DataError: it is no XML in UTF-8, or holds what is refused; with the line.
        """
        try:
            while chunk := file.read(_CHUNK):
                self._parser.Parse(chunk, False)
            self._parser.Parse(b"", True)
        except _StoppedError:
            return
        except expat.ExpatError as error:
            place = f"line {self._first_line + error.lineno - 1}, column {error.offset + 1}"
            why = f"{expat.ErrorString(error.code)}, {place}"
            raise self.source.not_valid("XML in UTF-8", why) from error

    def stop(self) -> NoReturn:
        """End `parse`: what follows is of no interest."""
        raise _StoppedError

    def fail(self, why: str, *, fault: str = "damaged") -> NoReturn:
        """Raise the error for what is read."""
        raise DataError(f"{self.source.location}, line {self.line}: {why}", fault=fault)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Read the start of an element; `path` does not hold it yet."""

    def end(self, tag: str) -> None:
        """Read the end of an element; `path` still holds it."""

    def text(self, text: str) -> None:
        """Read text between elements."""

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self.path) >= MAX_DEPTH:
            self.fail(f"elements are nested deeper than {MAX_DEPTH} levels")
        self.start(tag, attributes)
        self.path.append(tag)

    def _end(self, tag: str) -> None:
        self.end(tag)
        self.path.pop()

    def _declare(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            self.fail(f"the encoding is {brief(encoding)}; save the file as UTF-8")

    def _refuse(self, *_: Any) -> None:
        self.fail("a document type or an entity is declared; remove it")


class _StoppedError(Exception):
    """What is of interest has been read."""
