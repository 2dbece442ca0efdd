"""One process at a time in a directory, to the end."""

import os
import signal
import subprocess
import sys

import pytest

from seg.io.lock import LOCK, LockedError, is_locked, lock, locked

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


WAIT = """
import os, sys
from pathlib import Path
from seg.io.lock import waiting_for
for _ in range(200):
    with waiting_for(Path(sys.argv[1])) as descriptor:
        alone = os.fstat(descriptor).st_size == 0
        os.write(descriptor, b"x")
        assert alone
        os.unlink(sys.argv[1])
"""


def test_processes_wait_for_a_file_that_each_removes(tmp_path):
    line = [sys.executable, "-c", WAIT, str(tmp_path / "file")]
    processes = [subprocess.Popen(line) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert not list(tmp_path.iterdir())


def test_a_closed_descriptor_is_not_taken_for_a_locked_one(tmp_path):
    with locked(tmp_path, "key"):
        descriptor = os.open(tmp_path / LOCK, os.O_RDONLY)
        assert not lock(descriptor)
        os.close(descriptor)
        kept = os.open(tmp_path, os.O_RDONLY)  # of the same number
        assert kept == descriptor
    child = os.fork()
    if not child:
        os._exit(0 if os.path.samestat(os.fstat(kept), tmp_path.stat()) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(kept)


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
