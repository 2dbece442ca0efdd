"""Output to a terminal or a log: plain text, whatever names and messages of files hold."""

import logging
import re
import sys
from typing import Any, TextIO

from seg.io.terminal_bar import bar_hidden

# Control characters but for the end of a line and a tab, marks that turn the direction of text, and
# bytes of a name that are no text.
_HARMFUL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    r"""Return the text with such characters written out: `\x1b`, `\u202e`."""
    return _HARMFUL.sub(_escape, text)


def say(text: object, *, file: TextIO | None = None) -> None:
    """Print a line, to `sys.stdout` where no other stream is given."""
    with bar_hidden():
        print(printable(str(text)), file=file or sys.stdout)


class PlainFormatter(logging.Formatter):
    """Formats records of a log, with what harms a terminal written out."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return printable(super().format(record))


class ConsoleHandler(logging.StreamHandler[Any]):
    """Writes records of a log to a stream, above the bar where one is seen."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record on lines of its own."""
        with bar_hidden():
            super().emit(record)


def log_plainly(level: int, stream: TextIO | None = None) -> None:
    """Send the log to a stream (standard error), each record by its message alone."""
    handler = ConsoleHandler(stream)
    handler.setFormatter(PlainFormatter("%(message)s"))
    logging.basicConfig(level=level, handlers=[handler])


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
