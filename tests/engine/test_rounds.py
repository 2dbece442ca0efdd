"""Seeded rounds of kills and full disks, each against a run that nothing happened to.

`SEG_KILL_ROUNDS=60 SEG_DISK_ROUNDS=20 python -m pytest tests/engine/test_rounds.py -m slow`
"""

import math
import os
import random
import shutil
import subprocess
import sys

import pytest

from tests.conftest import seg
from tests.engine.conftest import RECIPE, assert_equal, assert_the_same, checkpoint

KILL_ROUNDS = int(os.environ.get("SEG_KILL_ROUNDS", "4"))
DISK_ROUNDS = int(os.environ.get("SEG_DISK_ROUNDS", "2"))
KILLED, NO_ROOM = -9, 6
AVERAGED = (*RECIPE, "callbacks=swa", "callbacks.averaging.start_share=0.5")
SWEEP = ("-m", *RECIPE, "optimizer.lr=1e-3,2e-3")
# What is written once training has ended, in order.
END = (
    *("learning.gif", "metrics.json", "per_image.csv", "replicates.npz", "evaluation.json"),
    *("predictions.png", "report.html", "finished.json"),
)
# In which of them a round strikes; the other rounds strike at any moment.
KINDS = ("run", "end", "sweep", "averaged end", "sweep's end", "run")
MOST_KILLS = 3
CONTAINED = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode


def line_of(kind, directory):
    if "sweep" in kind:
        return (*SWEEP, f"hydra.sweep.dir={directory}")
    return (*(AVERAGED if "averaged" in kind else RECIPE), f"hydra.run.dir={directory}")


@pytest.fixture(scope="module")
def whole(tmp_path_factory, whole_run):
    """What each kind of round must end in, made on first use."""
    known = {"run": whole_run}

    def make(kind):
        name = next((each for each in ("sweep", "averaged") if each in kind), "run")
        if name not in known:
            known[name] = tmp_path_factory.mktemp(name) / "whole"
            done = seg("train", *line_of(kind, known[name]), cwd=known[name].parent)
            assert done.returncode == 0, done.stderr
        return known[name]

    return make


def files_of(directory):
    """Every file but logs of events, whose names tell the time, and the list of resumes."""
    names = {path.relative_to(directory).as_posix() for path in directory.rglob("*")}
    return {each for each in names if "tfevents" not in each and "resumes.jsonl" not in each}


def assert_the_same_weights(ours, theirs):
    for name in ("last", "best"):
        found, wanted = checkpoint(ours, name), checkpoint(theirs, name)
        assert found["global_step"] == wanted["global_step"]
        for part in ("state_dict", "optimizer_states"):
            assert_equal(found[part], wanted[part], part)


def assert_ended_like(kind, directory, whole):
    assert files_of(directory) == files_of(whole)
    if "sweep" in kind:
        for number in ("0", "1"):
            assert_the_same_weights(directory / number, whole / number)
    elif "averaged" in kind:
        assert_the_same_weights(directory, whole)
    else:
        assert_the_same(directory, whole)


def a_kill(kind, moments):
    if "end" in kind:
        name, how = moments.choice(END), moments.random()
        after = f"kill_after_file:{name}:{moments.uniform(0.001, 0.3):.3f}"
        return f"kill_before:{name}" if how < 0.5 else after
    longest_s = 16 if "sweep" in kind else 8
    return f"kill_after:{moments.uniform(0.05, longest_s):.3f}"


@pytest.mark.slow
@pytest.mark.parametrize("number", range(KILL_ROUNDS))
def test_kills_at_random_moments(number, whole, tmp_path):
    kind, moments = KINDS[number % len(KINDS)], random.Random(number)
    directory = tmp_path / "run"
    line = (*line_of(kind, directory), "resume=auto")
    wanted, faults = moments.randint(1, MOST_KILLS), []
    while len(faults) < wanted:
        faults.append(a_kill(kind, moments))
        done = seg("train", *line, cwd=tmp_path, fault=faults[-1])
        assert done.returncode in (0, KILLED), (faults, done.stderr)
        if done.returncode == 0:
            break
    done = seg("train", *line, cwd=tmp_path)
    assert done.returncode == 0, (faults, done.stderr)
    assert_ended_like(kind, directory, whole(kind))


@pytest.mark.slow
@pytest.mark.skipif(CONTAINED != 0, reason="only root may mount a small disk for itself")
@pytest.mark.parametrize("number", range(DISK_ROUNDS))
def test_full_disks_of_random_sizes(number, whole_run, tmp_path):
    sizes = random.Random(number)
    used_kib = sum(path.stat().st_size for path in whole_run.rglob("*")) / 1024
    # the last sizes have room for the training, and for some of what comes after it
    low, high = ((5, used_kib), (0.8 * used_kib, 1.2 * used_kib))[number % 2]
    size_kib = round(math.exp(sizes.uniform(math.log(low), math.log(high))))
    disk, run_dir = tmp_path / "disk", tmp_path / "run"
    disk.mkdir()
    script = (
        'mount -t tmpfs -o "size=$1k" tmpfs "$2" || exit 99; disk="$2"; copy="$3"; shift 3; '
        '"$@"; code=$?; cp -a "$disk/run" "$copy"; exit $code'
    )
    line = [sys.executable, "-m", "seg.train", *RECIPE, f"hydra.run.dir={disk / 'run'}"]
    done = subprocess.run(
        ["unshare", "-m", "bash", "-c", script, "bash", str(size_kib), disk, run_dir, *line],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    told = (size_kib, done.stdout[-2000:], done.stderr)
    assert done.returncode == (0 if (run_dir / "finished.json").exists() else NO_ROOM), told
    assert "Traceback" not in done.stderr, told
    assert len(done.stderr.splitlines()) <= 6, told
    assert not list(run_dir.rglob("*.staged.*")), told
    done = seg("train", *RECIPE, f"hydra.run.dir={run_dir}", "resume=auto", cwd=tmp_path)
    assert done.returncode == 0, (told, done.stderr)
    assert files_of(run_dir) == files_of(whole_run), told
    assert_the_same(run_dir, whole_run)
    shutil.rmtree(run_dir)
