"""Runs commands in children of a process that has imported already what all of them import.

Importing torch and Lightning takes most of the time of a short command. Each command still runs in
a process of its own, from `sys.argv` to the exit code, with its own streams and working directory;
`small_run` in `conftest.py` starts one that shares nothing.
"""

import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

IMPORTED = ("seg.assemble.parts", "seg.fitting", "seg.inference.device", "seg.outputs.pictures")


class WarmProcess:
    """The parent; started on the first command and again if it was killed."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[str] | None = None

    def run(self, line: list[str], *, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run `python -m LINE` in `cwd`."""
        if self._server is None or self._server.poll() is not None:
            pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            command = [sys.executable, "-c", f"import {__name__}; {__name__}.serve()"]
            repo = Path(__file__).resolve().parent.parent
            self._server = subprocess.Popen(command, cwd=repo, text=True, **pipes)
        with tempfile.TemporaryDirectory() as folder:
            streams = {name: str(Path(folder) / name) for name in ("stdout", "stderr")}
            request = {"line": line, "cwd": str(cwd), "environment": dict(os.environ), **streams}
            print(json.dumps(request), file=self._server.stdin, flush=True)
            code = int(self._server.stdout.readline())
            told = (Path(path).read_text() for path in streams.values())
            return subprocess.CompletedProcess(line, code, *told)

    def stop(self) -> None:
        """End the parent."""
        if self._server is not None:
            self._server.communicate()


def serve() -> None:
    """Answer each request with the exit code of a child that has run it."""
    for module in IMPORTED:
        __import__(module)
    for text in sys.stdin:
        request = json.loads(text)
        child = os.fork()
        if not child:
            _become(request)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(request: dict[str, Any]) -> None:
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    module, *arguments = request["line"]
    sys.argv = [module, *arguments]
    code = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
