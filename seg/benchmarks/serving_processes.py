"""Processes that are timed by `task=serve`: servers, and the engine without one."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import monotonic, sleep

from seg.benchmarks.load_generator import Answered, Load
from seg.errors import ConfigError

_START_S, _END_S = 300, 30
_WAITING = "GOMP_SPINCOUNT"  # see `seg.cpu.limit_openmp_spin`


def free_port() -> int:
    """Return a port of this machine that nothing listens at."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


class Server:
    """A server in a process of its own, and its clients in another.

    Args:
        name: in messages.
        line: arguments of Python.
        port: where it will listen.
        path: that clients ask.
        ready: what answers 200 once it is ready; None: it listens no earlier.
        tuned: whether OpenMP's threads wait as in every command of ours.
    """

    def __init__(
        self,
        name: str,
        line: Sequence[str],
        port: int,
        path: str,
        *,
        ready: str | None = None,
        tuned: bool = False,
    ) -> None:
        self.name, self._port, self._path, self._ready = name, port, path, ready
        self.process = _started(line, tuned=tuned, stdin=subprocess.DEVNULL)

    def wait(self) -> None:
        """Wait until it is ready.

        Raises:
            ConfigError: it ends, or takes minutes.
        """
        until = monotonic() + _START_S
        while self.process.poll() is None and monotonic() < until:
            if self._is_ready():
                return
            sleep(0.1)
        self.close()
        raise ConfigError(f"{self.name}: its process is never ready; its messages are above")

    def _is_ready(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=5)
        with closing(connection), suppress(OSError, HTTPException):
            connection.connect()
            if self._ready is None:
                return True
            connection.request("GET", self._ready)
            return connection.getresponse().status == HTTPStatus.OK
        return False

    def close(self) -> None:
        """End it."""
        _end(self.process)

    def ask(
        self,
        files: Sequence[Path],
        concurrency: int,
        *,
        requests: int | None = None,
        seconds: float | None = None,
    ) -> Answered:
        """Ask from a process of its own.

        Raises:
            ConfigError: an answer is no PNG.
        """
        names = tuple(map(str, files))
        load = Load(self._port, self._path, names, concurrency, requests, seconds)
        done = subprocess.run(
            [sys.executable, "-m", "seg.benchmarks.load_generator"],
            input=json.dumps(asdict(load)),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ConfigError(f"{self.name}: failed\n{done.stderr[-600:]}")
        return _answered(done.stdout)

    def resident_mib(self) -> float:
        """Return the memory of the process, on Linux."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        entry = next(line for line in lines if line.startswith("VmRSS:"))
        return int(entry.split()[1]) / 1024


class Engine:
    """The engine of `seg.serve` in a process that asks itself; see `Server`."""

    def __init__(self, name: str, overrides: Sequence[str]) -> None:
        self.name = name
        line = ("-m", "seg.benchmarks.serving_engine", *overrides)
        self.process = _started(line, tuned=True, stdin=subprocess.PIPE)

    def wait(self) -> None:
        """Return at once: the first question waits until it is ready."""

    def close(self) -> None:
        """End it."""
        _end(self.process)

    def ask(
        self,
        files: Sequence[Path],
        concurrency: int,
        *,
        requests: int | None = None,
        seconds: float | None = None,
    ) -> Answered:
        """Segment images; see `Server.ask`.

        Raises:
            ConfigError: its process ended.
        """
        load = Load(0, "", tuple(map(str, files)), concurrency, requests, seconds)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asdict(load)) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise ConfigError(f"{self.name}: its process ended; its messages are above")
        return _answered(line)


def _answered(text: str) -> Answered:
    values = json.loads(text)
    return Answered(values["elapsed_s"], tuple(values["latencies_s"]))


def _started(line: Sequence[str], *, tuned: bool, stdin: int) -> subprocess.Popen[str]:
    environ = {key: os.environ[key] for key in os.environ if tuned or key != _WAITING}
    stdout = subprocess.PIPE if stdin == subprocess.PIPE else subprocess.DEVNULL
    return subprocess.Popen(
        [sys.executable, *line],
        stdin=stdin,
        stdout=stdout,
        text=True,
        env=environ,
        start_new_session=True,  # LitServe leaves its workers behind: the group is ended
    )


def _end(process: subprocess.Popen[str]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
