"""Signals to the process group of a command are left to its main process by all its workers."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

LOADER = """
import os, time
from seg.data.loading.parallel_map import parallel_map

def measure(index):
    if index == 0:
        print(os.getpid(), flush=True)
    time.sleep(0.05)
    return index

list(parallel_map(measure, {length}, num_workers=2))
print("all", flush=True)
"""
POOL = """
import os, time
from seg.data.loading import workers
from seg.dataset_tools.parallel_checks import _Processes

if __name__ == "__main__":
    import pickle
    with _Processes(pickle.dumps([]), 1, print)._pool(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, {length} * 0.05).result()
        print("all", flush=True)
"""


@pytest.fixture(params=[LOADER, POOL], ids=["loader", "pool"])
def command(request, tmp_path):
    """Starts a command with workers in a process group of its own; `(process, id of a worker)`."""
    started = []

    def start(length):
        script = tmp_path / "command.py"
        script.write_text(request.param.format(length=length))
        process = subprocess.Popen(
            [sys.executable, script], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        started.append(process)
        return process, int(process.stdout.readline())

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def assert_ends(pid, within_s=10):
    until = time.monotonic() + within_s
    while is_alive(pid):
        assert time.monotonic() < until, "the worker lives on"
        time.sleep(0.05)


needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.mark.slow
@needs_linux
def test_a_worker_works_on_after_signals_that_are_not_its_own(command):
    process, worker = command(length=30)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        os.kill(worker, number)
    assert process.communicate(timeout=60)[0] == "all\n"
    assert process.returncode == 0


@pytest.mark.slow
@needs_linux
def test_no_worker_outlives_the_main_process(command):
    process, worker = command(length=1000)
    process.kill()
    assert_ends(worker)
