"""Trials end with the process that sweeps."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SWEEP = """
import subprocess, sys, time
from seg.sweeps.parent_process import announce_sweep
announce_sweep()
# between it and the trial is another process, as some launchers have it
launcher = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
subprocess.Popen([sys.executable, "-c", launcher, sys.argv[1]])
time.sleep(100)
"""
TRIAL = """
import os, signal, sys, time
from seg.sweeps.parent_process import exit_with_parent
def saved(*_):
    print("saved", flush=True)
    raise SystemExit(143)
signal.signal(signal.SIGTERM, saved)
with exit_with_parent():
    print(os.getpid(), flush=True)
    time.sleep(100)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_a_trial_saves_and_ends_when_its_sweep_is_killed():
    line = [sys.executable, "-c", SWEEP, TRIAL]
    sweep = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    trial = int(sweep.stdout.readline())
    time.sleep(0.7)  # it looks for its sweep, which is there
    assert Path(f"/proc/{trial}").exists()
    sweep.send_signal(signal.SIGKILL)
    assert sweep.stdout.readline() == "saved\n"
    assert sweep.stdout.readline() == ""  # nobody is left to write
    sweep.communicate()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_a_trial_ends_whose_sweep_was_killed_before_it_began():
    loading = "print('loading', flush=True); import time; time.sleep(1)"
    line = [sys.executable, "-c", SWEEP, f"{loading}\n{TRIAL}"]
    sweep = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    assert sweep.stdout.readline() == "loading\n"
    sweep.send_signal(signal.SIGKILL)
    assert "saved\n" in sweep.stdout.read()  # to its end: nobody is left to write
    sweep.communicate()
