"""What a trial tells of itself: `trial.json` and `failure.txt` in its run directory."""

import gc
import logging
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ConfigDict

from seg.errors import (
    DataError,
    PrunedError,
    StorageError,
    UserError,
    error_summary,
    exit_code_of,
    user_message,
)
from seg.io.atomic import write_atomically, write_json
from seg.io.json_file import read_json
from seg.io.lock import LockedError, is_locked
from seg.io.source import Source, checked
from seg.sweeps.trials import TrialState

log = logging.getLogger(__name__)
T = TypeVar("T")
NAME, FAILURE = "trial.json", "failure.txt"
_SIGNALLED = (130, 143)
_MOST_LINES = 6


class TrialError(UserError):
    """A trial failed; says so in a few lines, and travels between processes."""


@dataclass(frozen=True)
class Outcome:
    """How a trial stands.

    Attributes:
        state: running also where the process was killed.
        seconds: of all tries that have ended.
        began_at: seconds since 1970, of a try that has not told its end.
        error: of a failed one, in a few lines.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    state: TrialState
    seconds: float
    began_at: float | None = None
    error: str | None = None


def run_trial(run_dir: Path, work: Callable[[], T], *, max_failures: int | None) -> T | None:
    """Do a trial's work and leave word of it.

    Returns:
        what the work returns; None of a trial that was pruned.

    Raises:
        TrialError: the work failed, by whatever exception; or so many trials beside it failed that
            this one does not start.
        LockedError: another process is at work on this trial, which counts as running.
        StorageError: there is no room; as after a signal.
        SystemExit: a signal came; the trial counts as running and can be gone on with.
    """
    if is_locked(run_dir):
        raise LockedError(f"{run_dir}: another process is at work there")
    if over_budget(run_dir.parent, max_failures):
        raise TrialError("not started: too many trials have failed")
    before, began_at = _seconds_of_tries(run_dir), time.time()
    state: TrialState = "running"
    value, error, details = None, None, ""
    _write(run_dir, Outcome(state, before, began_at))
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
        state, error = ("pruned", None) if pruned else ("failed", _in_a_few_lines(failure))
        details = user_message(failure) or "".join(traceback.format_exception(failure))
    finally:
        seconds = before + time.time() - began_at
        _write(run_dir, Outcome(state, seconds, error=error))
    if error is None:
        (run_dir / FAILURE).unlink(missing_ok=True)
        return value
    write_failure(run_dir, details or error)
    _give_back_memory()
    # raised here, where no exception holds the frames of the work and their tensors
    raise TrialError(error)


def outcome_of(run_dir: Path) -> Outcome | None:
    """What a trial has left; None where it has not begun."""
    path = run_dir / NAME
    if not path.is_file():
        return None
    try:
        return checked(Outcome, read_json(path, "record of a trial"), Source(path, "record"))
    except DataError:
        return Outcome("running", 0.0)  # damaged: it is done again


def over_budget(directory: Path, max_failures: int | None) -> bool:
    """Whether more trials of a sweep have failed than it bears."""
    return max_failures is not None and len(list(directory.glob(f"*/{FAILURE}"))) > max_failures


def forget_failure(run_dir: Path) -> None:
    """Let a trial that failed be tried again."""
    (run_dir / FAILURE).unlink(missing_ok=True)
    outcome = outcome_of(run_dir)
    if outcome is not None:
        _write(run_dir, Outcome("running", outcome.seconds))


def write_failure(run_dir: Path, text: str) -> None:
    """Write `failure.txt`."""
    write_atomically(run_dir / FAILURE, lambda file: file.write(f"{text.rstrip()}\n".encode()))


def _write(run_dir: Path, outcome: Outcome) -> None:
    write_json(run_dir / NAME, asdict(outcome))


def _seconds_of_tries(run_dir: Path) -> float:
    """Of the tries before this one; one that was killed counts until its last sign of life."""
    outcome = outcome_of(run_dir)
    if outcome is None or outcome.began_at is None:
        return 0.0 if outcome is None else outcome.seconds
    signs = [path.stat().st_mtime for path in run_dir.rglob("*") if path.is_file()]
    return outcome.seconds + max(0.0, max(signs) - outcome.began_at)


def _in_a_few_lines(failure: Exception) -> str:
    told = user_message(failure) or f"{type(failure).__name__}: {error_summary(failure)}"
    return "\n".join(told.splitlines()[:_MOST_LINES])


def _give_back_memory() -> None:
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
