"""Runs that begin in one second."""

import subprocess
import sys

import pytest

from tests.sweeps.typed_sweeps import TINY


@pytest.mark.slow
def test_runs_begun_at_once_have_directories_of_their_own(tmp_path):
    line = [sys.executable, "-m", "seg.train", *TINY]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    processes = [subprocess.Popen(line, cwd=tmp_path, **pipes) for _ in range(2)]
    texts = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], texts
    finished = [path.parent for path in tmp_path.rglob("finished.json")]
    assert len(finished) == 2
    assert sum(str(run) in text for run in finished for text in texts) == 2
    assert all((run / "checkpoints/best.ckpt").exists() for run in finished)
