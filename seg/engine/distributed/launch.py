"""Start of the processes that train together, by the agent of `torch.distributed.run`."""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException, Std
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from seg.config.schema import FitConfig, TrainerTarget
from seg.engine.distributed.rendezvous import find_rendezvous
from seg.errors import WorkerProcessError
from seg.io.atomic import scratch_directory
from seg.io.json_file import read_json
from seg.io.terminal_bar import close_all_bars

_SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1")
_SAVING_S = 60  # for a step and a checkpoint, after a signal
_MEETING_S = 900  # until all machines are there
_LAST_LINES = 12


def launch(command: str, config: FitConfig, run_dir: Path) -> float | None:
    """Fit in `trainer.devices` processes on this machine.

    Signals go on to the processes. The first one writes on this terminal; the output of another is
    shown if it ends without a message.

    Args:
        command: `train` or `pretrain`: what each process does.
        config: of the run.
        run_dir: of the run.

    Returns:
        the value that the first process returns; None on other machines and after a dry run.

    Raises:
        ConfigError: with several machines, those of `find_rendezvous`.
        WorkerProcessError: a process failed; message and exit code are those of the first failure.
        SystemExit: a signal came: 130 after SIGINT, else 143.
    """
    close_all_bars()  # the first process has its own
    trainer = config.trainer
    with scratch_directory() as directory, _own_signals_and_environment(trainer):
        launch_config = _launch_config(trainer, directory)
        result = directory / "value.json"
        (directory / "config.json").write_text(config.model_dump_json(by_alias=True))
        start = elastic_launch(launch_config, sys.executable)
        try:
            start("-u", "-m", "seg.engine.distributed.worker", command, str(run_dir), str(result))
        except SignalException as error:
            sys.exit(130 if error.sigval == signal.SIGINT else 143)
        except ChildFailedError as error:
            raise _root_failure(error, directory) from None
        value: float | None = read_json(result, "value") if result.exists() else None
        return value


def _launch_config(trainer: TrainerTarget, directory: Path) -> LaunchConfig:
    silent = dict.fromkeys(range(1, trainer.devices_a_node), Std.ALL)
    config = LaunchConfig(
        min_nodes=trainer.nodes,
        max_nodes=trainer.nodes,
        nproc_per_node=trainer.devices_a_node,
        max_restarts=0,
        run_id="seg",
        logs_specs=DefaultLogsSpecs(log_dir=str(directory / "logs"), redirects=silent),
        signals_to_handle=",".join(_SIGNALS),
        shutdown_timeout=_SAVING_S,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
    )
    if trainer.nodes == 1:
        return config
    place = find_rendezvous(trainer)
    return replace(
        config,
        rdzv_backend="static",
        rdzv_endpoint=f"{place.address}:{place.port}",
        rdzv_configs={"rank": place.rank, "timeout": _MEETING_S},
        local_addr=None,
    )


@contextmanager
def _own_signals_and_environment(trainer: TrainerTarget) -> Iterator[None]:
    """Quiet the agent and divide the cores; at the end restore signal handlers and environment."""
    for name in ("torch.distributed.elastic", "torch.distributed.launcher"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    environment = dict(os.environ)
    handlers = {name: signal.getsignal(getattr(signal, name)) for name in _SIGNALS}
    cores = torch.get_num_threads() // trainer.devices_a_node
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores)))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(environment)
        for name, handler in handlers.items():
            signal.signal(getattr(signal, name), handler)


def _root_failure(error: ChildFailedError, directory: Path) -> WorkerProcessError:
    """Return the failure that caused the others: one that can be mended, or else the earliest."""
    rank, failure = min(
        error.failures.items(), key=lambda item: (not _can_be_mended(item[1]), item[1].timestamp)
    )
    code = failure.exitcode if failure.exitcode > 0 else 128 - failure.exitcode
    return WorkerProcessError(_failure_message(rank, failure, directory), exit_code=code)


def _details(failure: ProcessFailure) -> dict[str, Any]:
    message = failure.error_file_data.get("message")
    return message if isinstance(message, dict) else {}


def _can_be_mended(failure: ProcessFailure) -> bool:
    return bool(_details(failure).get("extraInfo", {}).get("can_be_mended"))


def _failure_message(rank: int, failure: ProcessFailure, directory: Path) -> str:
    text = _details(failure).get("message")
    if _can_be_mended(failure):
        return str(text)
    if text is not None:
        return f"process {rank} failed\n{text}"
    logs = directory.glob(f"logs/*/*/{rank}/stderr.log")
    text = "".join(path.read_text(errors="replace") for path in logs)
    lines = text.splitlines()[-_LAST_LINES:]
    how = failure.signal_name() if failure.exitcode < 0 else f"exit code {failure.exitcode}"
    message = [f"process {rank} ended by {how}, without a word about why"]
    if how == "SIGKILL":
        message.append(
            "  most often for want of memory: lower loader.batch_size or loader.num_workers"
        )
    return "\n".join([*message, *lines])
