"""Ctrl-C while a command loads its modules: exit code 130, and not a line of a traceback."""

import signal
import subprocess
import sys

import pytest

from seg.interruption import INTERRUPTED


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
