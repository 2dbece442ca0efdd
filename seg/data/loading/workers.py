"""The set-up of processes that read samples: one thread, signals left to the main process."""

import errno
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from pathlib import Path
from threading import Thread
from typing import Any

import cv2
import torch

from seg.errors import DataError

# A shell, `timeout`, systemd and schedulers send them to all processes of a command.
_GROUP_SIGNALS = {signal.SIGINT, signal.SIGTERM} | (
    {signal.SIGUSR1, signal.SIGHUP} if sys.platform != "win32" else set()
)
_CAN_WAIT = hasattr(signal, "sigtimedwait")  # not on macOS and Windows
_WATCH_S = 1.0
_SHARED_MEMORY = Path("/dev/shm")
_NO_SHARED_MEMORY = ("unable to allocate shared memory", "unable to open shared memory")


@contextmanager
def starting_workers() -> Iterator[None]:
    """Block signals to the group while workers start: they inherit it, this process gets them.

    Raises:
        DataError: there is no room in shared memory.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _GROUP_SIGNALS) if _CAN_WAIT else None
    try:
        yield
    except (RuntimeError, OSError) as error:
        failure = shared_memory_shortage(error)
        if failure is None:
            raise
        raise failure from error
    finally:
        if before is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def shared_memory_shortage(error: BaseException) -> DataError | None:
    """Return an error for users where shared memory is too small for workers; None for others.

    Args:
        error: raised while workers start, or passed on from a worker.
    """
    semaphore = isinstance(error, OSError) and error.errno == errno.ENOSPC and not error.filename
    if not semaphore and not any(words in str(error) for words in _NO_SHARED_MEMORY):
        return None
    place = "shared memory"
    if _SHARED_MEMORY.is_dir():
        size = shutil.disk_usage(_SHARED_MEMORY).total / 2**20
        place = f"{_SHARED_MEMORY} ({size:.4g} MiB)"
    return DataError(
        f"{place} is too small for the batches that reading processes hand over\n"
        "  in a container give it more (docker run --shm-size=8g, or --ipc=host); or lower\n"
        "  loader.num_workers (0 needs none), loader.prefetch_factor or loader.batch_size"
    )


def start_worker(_: int = 0) -> None:
    """Prepare a process that reads samples; the `worker_init_fn` of every loader."""
    ignore_group_signals()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def ignore_group_signals() -> None:
    """Leave signals to the process group to the main process; does nothing in that one.

    The main process may need more batches to end its step and to save. A worker ends by SIGTERM
    from the main process, and within a second after the end of the main process.
    """
    main = parent_process()
    if main is None:  # this is the main process
        return
    if not _CAN_WAIT:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, _GROUP_SIGNALS)
    # only a wait returns the sender of a signal, which a handler in Python does not get
    Thread(target=_watch_main_process, args=(main, os.getppid()), daemon=True).start()


def _watch_main_process(main: Any, parent: int) -> None:
    """End this process when the main process ends or sends SIGTERM.

    The parent's id is checked too: siblings of a forked process keep the main process's sentinel
    open.
    """
    while main.is_alive() and os.getppid() == parent:
        received = signal.sigtimedwait(_GROUP_SIGNALS, _WATCH_S)
        if received and received.si_signo == signal.SIGTERM and received.si_pid == main.pid:
            break
    os._exit(0)
