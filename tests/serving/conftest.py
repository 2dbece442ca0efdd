"""A real server over a briefly trained network, in a process of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import REPO

pytest.importorskip("uvicorn", reason="needs the extra `serve`")


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[str]:
    """Type `python -m seg.serve port=0 ARGUMENTS`; yield its address once it is ready."""
    line = [sys.executable, "-m", "seg.serve", "port=0", *arguments]
    environ = {**os.environ, "PYTHONPATH": str(REPO), **environment}
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        try:
            texts = (re.search(r"ready: (http://\S+)", text) for text in process.stdout)
            ready = next(filter(None, texts), None)
            assert ready is not None, f"the server ended with {process.wait()}"
            yield ready[1]
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture(scope="session")
def served(small_run: Path) -> Iterator[str]:
    """The address of a server of the small run."""
    with serving(f"checkpoint={small_run}") as address:
        yield address
