"""Running of a trial: `trial.json` and `failure.txt` of its run directory record the end."""

import gc
import logging
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from seg.errors import (
    PrunedError,
    StorageError,
    UserError,
    error_summary,
    exit_code_of,
    user_message,
)
from seg.io.atomic import write_atomically
from seg.io.lock import LockedError, is_locked
from seg.sweeps.trials import TrialState, TrialStatus, read_status

log = logging.getLogger(__name__)
T = TypeVar("T")
FAILURE = "failure.txt"
_SIGNALLED = (130, 143)
_MAX_LINES = 6


class TrialError(UserError):
    """A trial failed; its few lines survive pickling between processes."""


def run_trial(run_dir: Path, work: Callable[[], T], *, max_failures: int | None) -> T | None:
    """Do a trial's work and record how it ends.

    Returns:
        what the work returns; None of a trial that was pruned.

    Raises:
        TrialError: the work failed, by whatever exception; or so many trials beside it failed that
            this one does not start.
        LockedError: another process runs this trial, which counts as running.
        StorageError: the disk is full; as after a signal.
        SystemExit: a signal came; the trial counts as running and can be resumed.
    """
    if is_locked(run_dir):
        raise LockedError(f"{run_dir}: another process is at work there")
    if over_budget(run_dir.parent, max_failures):
        raise TrialError("not started: too many trials have failed")
    before, began_at = _seconds_of_tries(run_dir), time.time()
    state: TrialState = "running"
    value, error, details = None, None, ""
    TrialStatus(state, before, began_at).write(run_dir)
    try:
        value = work()
        state = "finished"
    except SystemExit as end:
        if end.code in _SIGNALLED:
            raise
        state, error = "failed", f"the process ended itself by exit code {end.code}"
    except LockedError:
        raise
    except Exception as failure:
        if exit_code_of(failure) == StorageError.exit_code:
            raise StorageError(user_message(failure)) from None  # plain, to travel
        pruned = getattr(failure, "exit_code", None) == PrunedError.exit_code
        message = user_message(failure)
        short = message or f"{type(failure).__name__}: {error_summary(failure)}"
        lines = short.splitlines()[:_MAX_LINES]
        state, error = ("pruned", None) if pruned else ("failed", "\n".join(lines))
        details = message or "".join(traceback.format_exception(failure))
    finally:
        seconds = before + time.time() - began_at
        TrialStatus(state, seconds, error=error).write(run_dir)
    if error is None:
        (run_dir / FAILURE).unlink(missing_ok=True)
        return value
    write_failure(run_dir, details or error)
    _free_memory()
    # raised here, where no exception holds the frames of the work and their tensors
    raise TrialError(error)


def over_budget(directory: Path, max_failures: int | None) -> bool:
    """Return whether more trials of a sweep have failed than `max_failures`."""
    return max_failures is not None and len(list(directory.glob(f"*/{FAILURE}"))) > max_failures


def forget_failure(run_dir: Path) -> None:
    """Let a trial that failed be tried again."""
    (run_dir / FAILURE).unlink(missing_ok=True)
    status = read_status(run_dir)
    if status is not None:
        TrialStatus("running", status.seconds).write(run_dir)


def write_failure(run_dir: Path, text: str) -> None:
    """Write `failure.txt`."""
    write_atomically(run_dir / FAILURE, lambda file: file.write(f"{text.rstrip()}\n".encode()))


def _seconds_of_tries(run_dir: Path) -> float:
    """Return the time of earlier tries, in s; a killed one counts to its last file."""
    status = read_status(run_dir)
    if status is None or status.began_at is None:
        return 0.0 if status is None else status.seconds
    signs = [path.stat().st_mtime for path in run_dir.rglob("*") if path.is_file()]
    return status.seconds + max(0.0, max(signs) - status.began_at)


def _free_memory() -> None:
    """Collect garbage and free the cache of the GPU."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
