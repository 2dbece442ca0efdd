"""A bar for what takes minutes, where somebody watches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress


@contextmanager
def counted(what: str, total: int | None) -> Iterator[Callable[[], None]]:
    """Gives what to call after each of `total` samples, None where nobody knows how many there are;
    without a terminal nothing is shown."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)
