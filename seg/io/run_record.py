"""Records in a run directory: the choices that made the run, and that it has finished."""

import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from seg.io.atomic import write_atomically, write_json
from seg.io.json_file import read_json
from seg.io.lock import LockedError

CONFIG, FINISHED, HYDRA = "config.yaml", "finished.json", ".hydra"
PROPOSED = ".hydra.next"
"""Directory of the choices of a start that the run has not accepted yet."""
_END_MARKS = (FINISHED, "report.html", "metrics.json", "evaluation.json")


class RunLog(logging.FileHandler):
    """Log file of a run; records wait in memory until the run accepts this start.

    Args:
        filename: of the file.
        delay: for `logging`'s sake; the file is never opened before its first line.
    """

    def __init__(self, filename: str, delay: bool = True) -> None:
        super().__init__(filename, "a", "utf-8", delay=True)
        self._waiting: list[logging.LogRecord] | None = []

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or let it wait."""
        if self._waiting is None:
            super().emit(record)
        else:
            self._waiting.append(record)

    def open_file(self) -> None:
        """Write the records that wait; later ones are written at once."""
        waiting, self._waiting = self._waiting or [], None
        for record in waiting:
            super().emit(record)


def propose(run_dir: Path, files: Mapping[str, str]) -> None:
    """Put the choices of this start aside, in a directory that is locked.

    Args:
        run_dir: of the run.
        files: name -> text; `config.yaml` and what becomes of `.hydra/`.
    """
    withdraw(run_dir)
    for name, text in files.items():
        _write(run_dir / PROPOSED / name, text.encode())


def accept(run_dir: Path) -> None:
    """Make the choices of this start those of the run, and open its log.

    Each file is replaced as a whole; the command line comes before the configuration made of it.
    """
    proposed = run_dir / PROPOSED
    for path in sorted(proposed.rglob("*.yaml")):  # .hydra/ comes before config.yaml
        _write(run_dir / path.relative_to(proposed), path.read_bytes())
    withdraw(run_dir)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, RunLog):
            handler.open_file()


def _write(path: Path, content: bytes) -> None:
    """Write a file, staged in its own directory: `.hydra` may lie on another file system."""
    write_atomically(path, lambda file: file.write(content), synced=False)


def withdraw(run_dir: Path) -> None:
    """Remove the choices of a start that was refused."""
    shutil.rmtree(run_dir / PROPOSED, ignore_errors=True)


@contextmanager
def removed_if_refused(run_dir: Path, *, since_s: float) -> Iterator[None]:
    """On an error, remove what this start put into a run directory, if that is `.hydra` alone.

    Args:
        run_dir: of the run, before anything is put into it.
        since_s: when this process began, seconds since the epoch; a directory that was there
            before stays.
    """
    is_new = run_dir.stat().st_ctime >= since_s
    before = {path.name for path in run_dir.iterdir()}
    try:
        yield
    except LockedError:  # what is new there is another process's
        raise
    except BaseException:
        new = {path.name for path in run_dir.iterdir()} - before
        if CONFIG not in before and new <= {HYDRA}:
            for name in new:
                shutil.rmtree(run_dir / name)
            if is_new and not before:
                with suppress(OSError):  # another process has begun there
                    run_dir.rmdir()
        raise


def is_finished(run_dir: Path) -> bool:
    """Return whether a command has finished in this directory."""
    if (run_dir / FINISHED).exists():
        return True
    # runs of versions without that record wrote their report last
    return (run_dir / "metrics.json").exists() and (run_dir / "report.html").exists()


def mark_finished(run_dir: Path, command: str, value: Any) -> None:
    """Write the record of a command's end; nothing is written after it."""
    content: Mapping[str, Any] = {"command": command, "value": value}
    try:
        is_recorded = read_json(run_dir / FINISHED, "record") == content
    except (FileNotFoundError, ValueError):
        is_recorded = False
    if not is_recorded:
        write_json(run_dir / FINISHED, content)


def mark_unfinished(run_dir: Path) -> None:
    """Remove the files that mark an end, as the run goes on."""
    for name in _END_MARKS:
        (run_dir / name).unlink(missing_ok=True)
