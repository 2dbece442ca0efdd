"""One process at a time in a directory, to the end."""

import os
import signal
import subprocess
import sys

import pytest

from seg.io.lock import LOCK, LockedError, is_locked, locked

HOLD = """
import sys, time
from pathlib import Path
from seg.io.lock import locked
with locked(Path(sys.argv[1]), "key"):
    print("locked", flush=True)
    time.sleep(100)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process, at work in the directory."""
    line = [sys.executable, "-c", HOLD, str(tmp_path)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "locked\n"
    yield process
    process.kill()
    process.communicate()


def test_another_process_is_refused_and_leaves_the_lock(holder, tmp_path):
    for _ in range(2):
        with pytest.raises(LockedError, match="another process is at work there"):
            locked(tmp_path, "key").__enter__()
    assert is_locked(tmp_path)


def test_a_killed_process_locks_nothing(holder, tmp_path):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / LOCK).exists()
    assert not is_locked(tmp_path)
    with locked(tmp_path, "key"):
        assert is_locked(tmp_path)
    assert not list(tmp_path.iterdir())


def test_closing_another_handle_of_the_file_does_not_unlock(tmp_path):
    with locked(tmp_path, "key"):
        (tmp_path / LOCK).read_bytes()
        os.close(os.open(tmp_path / LOCK, os.O_RDWR))
        with pytest.raises(LockedError):
            locked(tmp_path, "key").__enter__()


def test_what_a_process_forks_does_not_keep_its_lock(tmp_path):
    reading, writing = os.pipe()
    with locked(tmp_path, "key"):
        child = os.fork()
        if not child:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
    try:
        assert not is_locked(tmp_path)
        with locked(tmp_path, "key"):
            pass
    finally:
        os.write(writing, b"x")
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)
