"""A progress bar on a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from seg.io.terminal_bar import terminal_bar


@contextmanager
def progress_bar(what: str, total: int | None) -> Iterator[Callable[[], None]]:
    """Yield a function to call after each sample; without a terminal no bar is drawn.

    Args:
        what: description on the bar.
        total: number of samples; None: not known.
    """
    with terminal_bar() as bar:
        if bar is None:
            yield lambda: None
        else:
            task = bar.add_task(what, total=total)
            yield lambda: bar.advance(task)
