"""What trials get from the sweeping process: the sweeper's import path, and when it ends."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seg.interruption import SWEEP_PROCESS

_PLUGINS = str(Path(__file__).resolve().parent / "plugins")
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_POLL_S = 0.5
_SAVING_S = 60.0  # for a step and a checkpoint, after a signal
_ENDED = 143


def add_plugins() -> None:
    """Make `hydra_plugins.seg_sweeper` importable here; installed packages come first."""
    if _PLUGINS not in sys.path:
        sys.path.append(_PLUGINS)


def announce_sweep() -> None:
    """Let processes that launchers start from here on unpickle sweepers and know this process."""
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if _PLUGINS not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([*filter(None, paths), _PLUGINS])
    os.environ[SWEEP_PROCESS] = f"{_machine()} {os.getpid()} {_started_at(os.getpid())}"


@contextmanager
def exit_with_parent() -> Iterator[None]:
    """End this process when its sweep has ended, if both run on one machine.

    The process gets SIGTERM, by which a training saves first. On other machines, where a scheduler
    keeps what was submitted, a trial goes on.
    """
    words = os.environ.get(SWEEP_PROCESS, "").split()
    done = threading.Event()
    if len(words) == 3 and words[0] == _machine() and int(words[1]) != os.getpid():
        sweep = int(words[1]), words[2]  # may have ended while this process loaded its modules
        threading.Thread(target=_end_with, args=(*sweep, done), daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _end_with(process: int, started_at: str, done: threading.Event) -> None:
    """Send this process SIGTERM when the other has ended; exit if it does not end in time."""
    while _started_at(process) == started_at:
        if done.wait(_POLL_S):
            return
    os.kill(os.getpid(), signal.SIGTERM)
    done.wait(_SAVING_S)
    os._exit(_ENDED)  # launchers keep their processes for the next trial


def _machine() -> str:
    """Return what tells this machine, since it was started, from others."""
    return _BOOT.read_text().strip() if _BOOT.exists() else os.uname().nodename


def _started_at(process: int) -> str:
    """Return when a process was started, in ticks; `gone` if it has ended, reaped or not."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        if _BOOT.exists():
            return "gone"
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return "gone"
        except PermissionError:  # another user's
            pass
        return "unknown"
    return "gone" if fields[0] in "ZX" else fields[19]
