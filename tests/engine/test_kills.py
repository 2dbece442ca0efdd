"""Kills at random moments, one after the other, end in the weights of a run never killed.

`SEG_KILLS_A_CHAIN=25 python -m pytest tests/engine/test_kills.py -m slow` makes fifty of them.
"""

import os
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest

from tests.engine.conftest import RECIPE, assert_the_same
from tests.warm_process import WarmProcess

KILLED = -9
KILLS_A_CHAIN, CHAINS = int(os.environ.get("SEG_KILLS_A_CHAIN", "4")), 2


def killed_again_and_again(folder, seed):
    """Runs that are killed until they end, one after the other, each against a whole one."""
    moments, process = random.Random(seed), WarmProcess()

    def train(name, fault=None):
        line = [*RECIPE, f"hydra.run.dir={folder / name}", "resume=auto"]
        done = process.start(["seg.train", *line], cwd=folder, fault=fault).wait()
        assert done.returncode in (0, KILLED), done.stderr
        return done.returncode == KILLED

    train("whole")  # the process behind it is warm from here on
    started_at = monotonic()
    train("run")
    longest_s, kills = monotonic() - started_at, 0
    for _ in range(3 * KILLS_A_CHAIN):
        if (folder / "run/finished.json").exists():
            assert_the_same(folder / "run", folder / "whole")
            if kills >= KILLS_A_CHAIN:
                process.stop()
                return kills
            shutil.rmtree(folder / "run")
        wanted = kills < KILLS_A_CHAIN
        fault = f"kill_after:{moments.uniform(0.05, longest_s)}" if wanted else None
        kills += train("run", fault)
    pytest.fail(f"{kills} kills in {3 * KILLS_A_CHAIN} starts")


@pytest.mark.slow
def test_kills_at_random_moments_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # the chains run side by side
    folders = [tmp_path / str(chain) for chain in range(CHAINS)]
    for folder in folders:
        folder.mkdir()
    with ThreadPoolExecutor(CHAINS) as pool:
        kills = list(pool.map(killed_again_and_again, folders, range(CHAINS)))
    assert sum(kills) == KILLS_A_CHAIN * CHAINS
