"""Which trials come next, and how many together."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from seg.io.lock import locked
from seg.sweeps.grid_search import Grid
from seg.sweeps.progress import Progress
from seg.sweeps.search_spaces import split
from seg.sweeps.sweep import at_once
from seg.sweeps.trials import Sweep, Trial, read_sweep

BASIC = {"_target_": "hydra._internal.core_plugins.basic_launcher.BasicLauncher"}
JOBLIB = {"_target_": "hydra_plugins.hydra_joblib_launcher.JoblibLauncher", "n_jobs": 3}
SLURM = {"_target_": "hydra_plugins.hydra_submitit_launcher.SlurmLauncher"}


def progress(tmp_path, states):
    grid = Grid(split(OverridesParser.create().parse_overrides(["a=range(10)"])).sweeps)
    trials = [Trial(n, grid.choices(n), state) for n, state in states.items()]
    sweep = Sweep("train", ("a=range(10)",), "val/miou", trials=tuple(trials))
    return Progress(tmp_path, sweep, grid, max_failures=None)


@pytest.mark.parametrize(
    ("states", "together", "numbers"),
    [
        ({}, 1, [0]),
        ({}, None, list(range(10))),
        ({}, 4, [0, 1, 2, 3]),
        ({0: "finished"}, 1, [1]),
        ({0: "finished", 1: "running"}, 1, [1]),
        # cut off between the draws of a block: the rest of it is drawn before it runs
        ({0: "finished", 1: "pruned", 2: "failed", 3: "finished", 4: "running"}, 4, [4, 5, 6, 7]),
        # cut off while a block ran: what is left of it ends before the next is drawn
        ({0: "finished", 1: "running", 2: "running", 3: "finished"}, 4, [1, 2]),
        (dict.fromkeys(range(8), "finished"), 4, [8, 9]),
        ({0: "running", 9: "running"}, 1, [0]),
        (dict.fromkeys(range(10), "finished"), 4, []),
        # not started for want of a budget
        ({0: "finished", 2: "finished"}, 1, [1]),
    ],
)
def test_next_numbers(states, together, numbers, tmp_path):
    assert progress(tmp_path, states).next_numbers(together) == numbers


def test_a_trial_at_work_elsewhere_is_running_and_waited_for(tmp_path):
    found = progress(tmp_path, dict.fromkeys(range(8), "finished") | {3: "running"})
    with locked(tmp_path / "3", "key"):
        assert found.running_elsewhere() == [3]
        assert found.next_numbers(1) == [8]
        found.update_from_disk([3])
        assert found.sweep.trials[3].state == "running"
    assert found.running_elsewhere() == []
    assert found.next_numbers(1) == [3]


def test_what_begins_is_written(tmp_path):
    found = progress(tmp_path, {0: "finished"})
    assert found.start([1, 2]) == {1: {"a": "1"}, 2: {"a": "2"}}
    trials = read_sweep(tmp_path).trials
    assert [each.state for each in trials] == ["finished", "running", "running"]


def test_a_trial_whose_process_left_no_word(tmp_path):
    found = progress(tmp_path, {0: "running"})
    found.update_from_disk([0], lost=None)
    assert read_sweep(tmp_path).trials[0].state == "running"
    found.update_from_disk([0])
    assert read_sweep(tmp_path).trials[0].state == "failed"
    assert (tmp_path / "0" / "failure.txt").exists()


@pytest.mark.parametrize(
    ("given", "launcher", "draws", "expected"),
    [
        (None, BASIC, False, 1),
        (None, BASIC, True, 1),
        (None, JOBLIB, False, None),
        (None, JOBLIB, True, 3),
        (None, {**JOBLIB, "n_jobs": -1}, True, 4),
        (None, SLURM, True, 4),
        (7, SLURM, True, 7),
        (2, BASIC, False, 2),
    ],
)
def test_how_many_together(given, launcher, draws, expected):
    options = {"at_once": given, **({"sampler": "tpe"} if draws else {})}
    assert at_once(options, launcher) == expected
