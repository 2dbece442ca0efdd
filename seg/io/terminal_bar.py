"""Bars at the foot of a terminal: one is seen at a time, and lines of text stand above it.

rich is imported where a bar opens, so that a command starts without it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

_open: list[Progress] = []  # the last one is seen
_lock = RLock()


def open_bar(*columns: str | ProgressColumn) -> Progress | None:
    """Show a bar, in place of the one that is seen now, until `close_bar`.

    Args:
        columns: of the bar; none: rich's default, with a description and the time left.

    Returns:
        the bar, to which tasks are added; None where standard error is no terminal, or one that
        cannot rewrite a line.
    """
    if not sys.stderr.isatty():
        return None
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if console.is_dumb_terminal or not console.is_terminal:
        return None
    # Standard output may lead elsewhere: what is printed there stays there.
    bar = Progress(*columns, console=console, transient=True, redirect_stdout=False)
    with _lock:
        if _open:
            _open[-1].stop()
        _open.append(bar)
        bar.start()
    return bar


def close_bar(bar: Progress | None) -> None:
    """Remove a bar, if it is open; the one that was seen before is seen again."""
    with _lock:
        if bar in _open:
            bar.stop()
            _open.remove(bar)
            if _open:
                _open[-1].start()


def close_all_bars() -> None:
    """Remove every bar."""
    with _lock:
        while _open:
            _open.pop().stop()


@contextmanager
def terminal_bar(*columns: str | ProgressColumn) -> Iterator[Progress | None]:
    """Show a bar, as `open_bar` does, until the end of the block."""
    bar = open_bar(*columns)
    try:
        yield bar
    finally:
        close_bar(bar)


@contextmanager
def bar_hidden() -> Iterator[None]:
    """Take the bar away while text is written, so that the text has lines of its own."""
    with _lock:
        bar = _open[-1] if _open else None
        if bar is not None:
            bar.stop()
        try:
            yield
        finally:
            if bar is not None and bar in _open:
                bar.start()


@contextmanager
def waiting_bar(description: str) -> Iterator[None]:
    """Show a bar without an end, and the seconds so far, while something loads.

    Args:
        description: of what is waited for.
    """
    if not sys.stderr.isatty():  # rich is not imported for nothing
        yield
        return
    from rich.progress import BarColumn, TimeElapsedColumn

    columns = ("{task.description}", BarColumn(bar_width=20), TimeElapsedColumn())
    with terminal_bar(*columns) as bar:
        if bar is not None:
            bar.add_task(description, total=None)
            bar.refresh()
        yield


@contextmanager
def progress_bar(description: str, total: int | None) -> Iterator[Callable[[], None]]:
    """Yield a function to call after each sample; without a terminal no bar is drawn.

    Args:
        description: on the bar.
        total: number of samples; None: not known.
    """
    with terminal_bar() as bar:
        if bar is None:
            yield lambda: None
        else:
            task = bar.add_task(description, total=total)
            yield lambda: bar.advance(task)
