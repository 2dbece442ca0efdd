"""Runs commands in children of a process that has imported already what all of them import.

Importing torch and Lightning takes most of the time of a short command. Each command still runs in
a process of its own, from `sys.argv` to the exit code, with its own streams and working directory;
`small_run` in `conftest.py` starts one that shares nothing.
"""

import json
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from tests import faults

STREAMS = ("stdout", "stderr")
REFUSED = (2, 3)  # the exit codes of a wrong configuration and of wrong data
MOST_LINES = 6
IMPORTED = (
    "seg.build.segmentation",
    "seg.engine.train",
    "seg.engine.pretrain",
    "seg.inference.device",
    "seg.visualization.grids",
    "seg.prediction.spec",
    "segmentation_models_pytorch",  # for encoders and decoders of libraries
)


class Running:
    """A command that was started."""

    def __init__(self, server: "subprocess.Popen[str]", line: list[str], folder: str) -> None:
        self._server = server
        self._line = line
        self._folder = Path(folder)
        self.pid = int(server.stdout.readline())

    def told(self, stream: str) -> str:
        """What it has written to `stdout` or `stderr` so far."""
        path = self._folder / stream
        return path.read_text() if path.exists() else ""

    def wait(self) -> subprocess.CompletedProcess[str]:
        """Its end."""
        code = int(self._server.stdout.readline())
        streams = [self.told(stream) for stream in STREAMS]
        shutil.rmtree(self._folder)
        if code in REFUSED:
            _require_brevity(streams[1])
        return subprocess.CompletedProcess(self._line, code, *streams)


class WarmProcess:
    """The parent; started on the first command and again if it was killed."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[str] | None = None

    def start(self, line: list[str], *, cwd: Path, fault: str | None = None) -> Running:
        """Start `python -m LINE` in `cwd`; the next one after its end.

        Args:
            line: the module and its arguments.
            cwd: working directory.
            fault: `NAME:ARGUMENT`, a function of `tests.faults` that breaks the process first.
        """
        if self._server is None or self._server.poll() is not None:
            pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            command = [sys.executable, "-c", f"import {__name__}; {__name__}.serve()"]
            repo = Path(__file__).resolve().parent.parent
            self._server = subprocess.Popen(command, cwd=repo, text=True, **pipes)
        folder = tempfile.mkdtemp()
        request = {"line": line, "cwd": str(cwd), "environment": dict(os.environ)}
        print(
            json.dumps({**request, "folder": folder, "fault": fault}),
            file=self._server.stdin,
            flush=True,
        )
        return Running(self._server, line, folder)

    def stop(self) -> None:
        """End the parent."""
        if self._server is not None and self._server.poll() is None:
            # a closed pipe would not do: what the tests have forked holds it open as well
            self._server.communicate("null\n")


def _require_brevity(stderr: str) -> None:
    """Hold the message that a command ends with against the number of lines that it may have."""
    _, begun, message = f"\n{stderr}".rpartition("\nerror: ")
    if begun:
        assert len(message.strip().splitlines()) <= MOST_LINES, message


def serve() -> None:
    """Answer each request with the process id and the exit code of a child that runs it."""
    for module in IMPORTED:
        __import__(module)
    for text in sys.stdin:
        request = json.loads(text)
        if request is None:
            return
        child = os.fork()
        if not child:
            _become(request)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(request: dict[str, Any]) -> None:
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    for number, name in enumerate(STREAMS, 1):
        os.dup2(os.open(Path(request["folder"]) / name, os.O_WRONLY | os.O_CREAT), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    module, *arguments = request["line"]
    sys.argv = [module, *arguments]
    code = 0
    try:
        if request["fault"]:
            name, _, argument = request["fault"].partition(":")
            getattr(faults, name)(argument)
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
