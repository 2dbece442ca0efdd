"""Ctrl-C while a command loads its modules: exit code 130, and not a line of a traceback."""

import signal
import subprocess
import sys

import pytest

from seg.interruption import INTERRUPTED


@pytest.fixture(autouse=True)
def heard():
    """Undo that a shell lets its background jobs ignore SIGINT: the commands inherit it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    "module", ["omegaconf.base", "hydra.core", "torch._tensor", "pytorch_lightning.callbacks"]
)
def test_it_ends_without_a_traceback(module, tmp_path):
    line = [sys.executable, "-X", "importtime", "-m", "seg.train", "dry_run=true"]
    with subprocess.Popen(
        line, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        for loaded in process.stderr:
            if module in loaded:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stderr.read()
        process.wait(timeout=60)
    messages = [each for each in rest.splitlines() if not each.startswith("import time:")]
    assert messages == []
    assert process.returncode == INTERRUPTED


def test_a_library_that_turns_it_into_an_error_of_its_own(tmp_path):
    code = (
        "import os, signal\n"
        "from seg.interruption import exiting_when_interrupted\n"
        "with exiting_when_interrupted():\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    finally:\n"
        "        None.flags\n"
    )
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (INTERRUPTED, "", "")


def test_other_errors_of_imports_are_raised():
    code = (
        "from seg.interruption import exiting_when_interrupted\n"
        "with exiting_when_interrupted():\n"
        "    import no_such_module\n"
    )
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "No module named 'no_such_module'" in done.stderr
