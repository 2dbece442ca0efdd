"""A kind of file: how one is written, and the real function that reads it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Attributes:
        name: for messages.
        write: fills an empty directory; returns the file that is damaged.
        read: reads that file as the commands do; returns what it took from it.
        plain: the form of plain data within, whose values are damaged too.
        verified: the format has a checksum: what is read equals what was written.
    """

    name: str
    write: Callable[[Path], Path]
    read: Callable[[Path], Any]
    plain: Literal["json", "yaml", ""] = ""
    verified: bool = False
