"""Sweeps whose trials run in other processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seg.sweeps.trials import read_sweep
from tests.sweeps.typed_sweeps import TINY, outcomes

RATES = "optimizer.lr=1e-3,-1"
BESIDE = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")


def started(tmp_path, *arguments):
    """A process of its own: launchers start others by what `python` finds."""
    line = [sys.executable, "-m", "seg.train", "-m", *TINY, *arguments, "hydra.sweep.dir=sweep"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(line, cwd=tmp_path, **pipes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "launcher"),
    [
        ("hydra_plugins.hydra_joblib_launcher", BESIDE),
        ("hydra_plugins.hydra_submitit_launcher", ["hydra/launcher=submitit_local"]),
        (
            "hydra_plugins.hydra_ray_launcher",
            ["hydra/launcher=ray", "+hydra.launcher.ray.init.num_cpus=1"],
        ),
    ],
    ids=["joblib", "submitit_local", "ray"],
)
def test_what_comes_back_from_other_processes_is_recorded(package, launcher, tmp_path):
    pytest.importorskip(package)
    running = started(tmp_path, RATES, *launcher)
    said = running.communicate(timeout=280)
    assert running.returncode == 0, said
    assert [each[2] for each in outcomes(tmp_path / "sweep")] == ["finished", "failed"]
    finished, failed = read_sweep(tmp_path / "sweep").trials
    assert finished.value is not None
    assert finished.seconds > 0
    assert "learning rate" in failed.error


@pytest.mark.slow
def test_a_trial_whose_process_is_killed_has_failed(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    line = ("optimizer.lr=1e-3,2e-3", "trainer.max_epochs=1000", *BESIDE)
    running = started(tmp_path, *line, "dataset.train_length=64")
    begun = [tmp_path / "sweep" / number / "checkpoints" / "last.ckpt" for number in ("0", "1")]
    while not all(path.exists() for path in begun):
        assert running.poll() is None, running.communicate()
        time.sleep(0.2)
    processes = trainers(running.pid)
    assert len(processes) == 2
    for process in processes:
        os.kill(process, signal.SIGKILL)
    _, errors = running.communicate(timeout=200)
    assert running.returncode == 1, errors
    assert "2 of 2 trials failed" in errors
    assert [each[2] for each in outcomes(tmp_path / "sweep")] == ["failed", "failed"]
    assert "terminated" in read_sweep(tmp_path / "sweep").trials[0].error


@pytest.mark.slow
def test_trials_end_with_a_killed_sweep(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    line = ("optimizer.lr=1e-3,2e-3", "trainer.max_epochs=1000", *BESIDE)
    running = started(tmp_path, *line, "dataset.train_length=64")
    begun = [tmp_path / "sweep" / number / "checkpoints" / "last.ckpt" for number in ("0", "1")]
    while not all(path.exists() for path in begun):
        assert running.poll() is None, running.communicate()
        time.sleep(0.2)
    processes = trainers(running.pid)
    assert len(processes) == 2
    running.kill()
    running.communicate()
    until = time.monotonic() + 60
    while any(is_alive(process) for process in processes):
        assert time.monotonic() < until
        time.sleep(0.2)
    assert [each[2] for each in outcomes(tmp_path / "sweep")] == ["running", "running"]
    assert not list((tmp_path / "sweep").glob("*/failure.txt"))


def is_alive(process: int) -> bool:
    state = Path(f"/proc/{process}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


def trainers(launcher: int) -> list[int]:
    """The processes that joblib has started."""
    line = ["ps", "-ww", "--ppid", str(launcher), "-o", "pid=,args="]  # -ww: whole lines
    listed = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    return [int(row.split()[0]) for row in listed.splitlines() if "popen_loky" in row]
