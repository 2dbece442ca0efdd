"""Further sections of the page that one known sweep ends with."""

from collections.abc import Callable, Mapping
from pathlib import Path

from seg.sweeping.page import Section
from seg.sweeping.trials import Sweep

# a word of the line that begins the sweep -> what makes its sections
_MAKERS: Mapping[str, Callable[[Path, Sweep], list[Section]]] = {}


def sections_for(directory: Path, sweep: Sweep) -> list[Section]:
    """What a sweep that is known by a word of its line has to say; else nothing."""
    words = [word for word in _MAKERS if word in sweep.line]
    return [section for word in words for section in _MAKERS[word](directory, sweep)]
