"""Ctrl-C while a command loads its modules, which ends it without a traceback."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""Exit code of a command that Ctrl-C ends."""
SWEEP_PROCESS = "SEG_SWEEP_PROCESS"
"""Variable by which a trial knows the process that sweeps, and ends with it."""
_signals: list[int] = []


@contextmanager
def exiting_when_interrupted() -> Iterator[None]:
    """Let Ctrl-C end the process quietly; for the imports at the top of a command.

    A library that is interrupted while it sets itself up may raise an error of its own instead.
    """
    watch_for_interrupts()
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception:
        if is_interrupted():
            sys.exit(INTERRUPTED)
        raise


def watch_for_interrupts() -> None:
    """Remember Ctrl-C: a library that is being imported may turn it into an error of its own."""
    is_main = threading.current_thread() is threading.main_thread()  # no other may set handlers
    if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def is_interrupted() -> bool:
    """Return whether Ctrl-C was pressed since `watch_for_interrupts`."""
    return bool(_signals)


def _interrupt(number: int, frame: FrameType | None) -> None:
    _signals.append(number)
    signal.default_int_handler(number, frame)
