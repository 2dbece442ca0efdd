"""A bar for what takes minutes, where somebody watches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from seg.io.terminal_bar import close_bar, open_bar


@contextmanager
def counted(what: str, total: int | None) -> Iterator[Callable[[], None]]:
    """Yield what to call after each sample; without a terminal no bar is shown.

    Args:
        what: the description on the bar.
        total: how many samples there are; None: nobody knows.
    """
    bar = open_bar()
    if bar is None:
        yield lambda: None
        return
    task = bar.add_task(what, total=total)
    try:
        yield lambda: bar.advance(task)
    finally:
        close_bar(bar)
