"""`environment.json`: the machine and the code of a run, and its history."""

import json
import logging
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from pytorch_lightning import Trainer

import seg
from seg.errors import DataError, is_out_of_room
from seg.io.atomic import write_atomically
from seg.io.json_file import read_json
from seg.io.source import Source, checked
from seg.training.energy_meter import PowerMeter

log = logging.getLogger(__name__)
NAME = "environment.json"
_LIBRARIES = ("pytorch-lightning", "numpy", "timm", "segmentation-models-pytorch")
_SECRET_IN_ADDRESS = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_DIFF_LINES = 20
_CONTENT = TypeAdapter(dict[str, list[dict[str, Any]]])
_GIT_S = 10.0
_GIB = 2**30


@contextmanager
def record_session(trainer: Trainer, run_dir: Path, *, from_step: int | None) -> Iterator[None]:
    """Record that a run begins or goes on, on which machine, and how it ends; in the first process.

    `environment.json` has a session for each start, and events under `history`: `begun`,
    `resumed`, `interrupted`, `failed` or `finished`, with time and optimizer step. A process that
    is killed records no end. Of several processes, the machine of the first is described.

    Args:
        trainer: of the run.
        run_dir: of the run.
        from_step: the step at which it is resumed; None: at its start.
    """
    if not trainer.is_global_zero:
        yield
        return
    event = "begun" if from_step is None else "resumed"
    _add(run_dir, _event(event, from_step or 0), session=environment_info(trainer))
    meter = PowerMeter(_cards(trainer))
    ended = "failed"
    try:
        with meter:
            yield
        ended = "finished"
    except (SystemExit, KeyboardInterrupt):
        ended = "interrupted"
        raise
    finally:
        energy = {"cpu_wh": meter.cpu_wh, "gpu_wh": meter.gpu_wh}
        _add(run_dir, _event(ended, trainer.global_step) | energy)


def environment_info(trainer: Trainer) -> dict[str, Any]:
    """Return machine, versions, state of the code and command line, as plain data."""
    device = trainer.strategy.root_device
    has_affinity = hasattr(os, "sched_getaffinity")  # the cores that this process may use
    cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count()
    cards = trainer.device_ids if device.type == "cuda" else []
    return {
        "time": _now(),
        # without a password in an address
        "command": _SECRET_IN_ADDRESS.sub("***", shlex.join(sys.argv)),
        "seg": seg.__version__,
        "python": platform.python_version(),
        "libraries": {"torch": str(torch.__version__)}
        | {name: installed for name in _LIBRARIES if (installed := _version(name))},
        "system": platform.platform(),
        "cpu": _cpu_name(),
        "cores": cores or 1,
        "memory_gib": _memory_gib(),
        "accelerator": device.type,
        "gpus": [torch.cuda.get_device_name(card) for card in cards],
        "processes": trainer.world_size,
        "git": _checkouts(),
    }


def _add(run_dir: Path, event: dict[str, Any], session: dict[str, Any] | None = None) -> None:
    """Add an event, and a session if there is one; log a failure instead of ending the run."""
    path = run_dir / NAME
    try:
        content = _read(path)
        if session is not None:
            content["sessions"].append(session)
        content["history"].append(event)
        text = json.dumps(content, indent=2) + "\n"
        write_atomically(path, lambda file: file.write(text.encode()), synced=False)
    except OSError as error:
        if is_out_of_room(error):
            raise
        log.warning("%s: not written (%s)", path, error)


def _read(path: Path) -> dict[str, Any]:
    empty: dict[str, Any] = {"sessions": [], "history": []}
    if not path.is_file():
        return empty
    try:
        content = read_json(path, "record of the machine")
        return empty | checked(_CONTENT, content, Source(path, "record of the machine"))
    except DataError as error:
        aside = path.with_name(f"{path.name}.damaged")
        path.replace(aside)
        log.warning("%s\n  a new one is begun; the damaged one is now %s", error, aside.name)
        return empty


def _event(name: str, step: int) -> dict[str, Any]:
    return {"time": _now(), "event": name, "step": step}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB, 1)
    except (ValueError, OSError, AttributeError):  # not on Windows
        return None


def _cards(trainer: Trainer) -> list[str]:
    if trainer.strategy.root_device.type != "cuda":
        return []
    return [f"GPU-{torch.cuda.get_device_properties(card).uuid}" for card in trainer.device_ids]


def _checkouts() -> list[dict[str, Any]]:
    """Return the state of the git checkouts of the code and of the working directory."""
    by_top: dict[str, dict[str, Any]] = {}
    for what, place in (("code", Path(seg.__file__).parent), ("working directory", Path.cwd())):
        top = _git(place, "rev-parse", "--show-toplevel")
        tracked = what != "code" or _git(place, "ls-files", "__init__.py")
        if top and tracked and top not in by_top:
            by_top[top] = {"what": what} | _state(Path(top))
    return list(by_top.values())


def _state(top: Path) -> dict[str, Any]:
    changed = _git(top, "status", "--porcelain", "--untracked-files=no")
    stat = (_git(top, "diff", "--stat", "HEAD") or "").splitlines()
    if len(stat) > _DIFF_LINES:
        stat = [*stat[: _DIFF_LINES - 1], "...", stat[-1]]
    return {
        "commit": _git(top, "rev-parse", "HEAD"),
        "branch": _git(top, "rev-parse", "--abbrev-ref", "HEAD"),
        "dirty": None if changed is None else bool(changed),
        "diff": stat,
    }


def _git(directory: Path, *arguments: str) -> str | None:
    """Return git's answer; None without git, a checkout, or permission."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(directory), *arguments],
            capture_output=True,
            text=True,
            timeout=_GIT_S,
            check=True,
            env=os.environ | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        )
        return answer.stdout.rstrip()
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
