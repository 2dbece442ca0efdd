"""Sweeps as they are typed: trials that fail, budgets, kills, going on."""

import csv
import json

import pytest

from seg.sweeps.run_trial import FAILURE
from seg.sweeps.trials import read_sweep
from tests.conftest import seg
from tests.sweeps.typed_sweeps import CONFIG, KILLED, outcomes, run


@pytest.fixture(scope="module")
def whole_sweep(tmp_path_factory):
    """A sweep of three trials, two of which fail, each in its own way."""
    sweep_dir = tmp_path_factory.mktemp("whole") / "sweep"
    done = run(sweep_dir, "optimizer.lr=1e30,-1,1e-3")
    assert done.returncode == 0, done.stderr
    return sweep_dir


def test_trials_that_fail_do_not_end_the_sweep(whole_sweep):
    sweep = read_sweep(whole_sweep)
    assert [trial.state for trial in sweep.trials] == ["failed", "failed", "finished"]
    diverged, refused, finished = sweep.trials
    assert "the loss is" in diverged.error
    assert "learning rate" in refused.error
    assert (whole_sweep / "0" / FAILURE).read_text().startswith(diverged.error)
    assert not (whole_sweep / "2" / FAILURE).exists()
    metrics = json.loads((whole_sweep / "2" / "metrics.json").read_text())
    assert finished.value == metrics["val/miou"]
    assert finished.seconds > metrics["training_s"]
    assert finished.choices == {"optimizer.lr": "0.001"}
    assert (sweep.command, sweep.monitor, sweep.maximize) == ("train", "val/miou", True)
    assert "optimizer.lr=1e30,-1,1e-3" in sweep.line
    assert "-m" not in sweep.line


@pytest.mark.slow
def test_paths_reach_the_trials_as_typed(tmp_path):
    paths = [tmp_path / "my data (1)", tmp_path / "epoch=3"]
    sweep_dir = tmp_path / "sweep (a=b)"
    line = ("-m", "dataset=folder", f"dataset.root={paths[0]},{paths[1]}")
    done = seg("train", *line, f"hydra.sweep.dir={sweep_dir}", cwd=tmp_path)
    for again in (False, True):
        trials = read_sweep(sweep_dir).trials
        assert [each.state for each in trials] == ["failed", "failed"], done.stderr
        for trial, path in zip(trials, paths, strict=True):
            assert f"dataset 'folder' not found in {path}" in trial.error
        if not again:
            retry = "hydra.sweeper.retry_failed=true"
            done = seg("train", f"resume={sweep_dir}", retry, cwd=tmp_path)


def test_a_directory_that_holds_a_sweep_is_refused(whole_sweep):
    before = (whole_sweep / "trials.json").read_text()
    done = run(whole_sweep, "optimizer.lr=1e-3,1e-2")
    assert done.returncode == CONFIG
    assert f"resume={whole_sweep}" in done.stderr
    assert (whole_sweep / "trials.json").read_text() == before


def test_another_grid_does_not_go_on(whole_sweep):
    done = run(whole_sweep, "optimizer.lr=1e30,-2,1e-3", "resume=auto")
    assert done.returncode == CONFIG
    assert "trial 1" in done.stderr
    assert "optimizer.lr=-1" in done.stderr


def test_other_choices_for_all_trials_are_refused(whole_sweep, tmp_path):
    before = {path: path.read_bytes() for path in whole_sweep.rglob("*") if path.is_file()}
    done = seg("train", f"resume={whole_sweep}", "trainer.max_epochs=3", cwd=tmp_path)
    assert done.returncode == CONFIG
    assert "trainer.max_epochs" in done.stderr
    assert f"resume={whole_sweep}/N trainer.max_epochs=N" in done.stderr
    assert len(done.stderr.splitlines()) <= 6
    assert {path: path.read_bytes() for path in whole_sweep.rglob("*") if path.is_file()} == before


def test_going_on_with_a_sweep_that_has_ended_runs_nothing(whole_sweep, tmp_path):
    before = outcomes(whole_sweep)
    written = (whole_sweep / "2" / "metrics.json").stat().st_mtime_ns
    done = seg("train", f"resume={whole_sweep}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Launching" not in done.stdout
    assert outcomes(whole_sweep) == before
    assert (whole_sweep / "2" / "metrics.json").stat().st_mtime_ns == written


def test_a_budget_of_failures(tmp_path):
    sweep_dir = tmp_path / "sweep"
    budget = "hydra.sweeper.max_failures=1"
    done = run(sweep_dir, "optimizer.lr=-1,-2,-3,1e-3", budget)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert "2 of 2 trials failed, 1 allowed; 2 were not begun" in lines[0]
    assert "learning rate" in lines[1]
    assert "retry_failed=true" in lines[-1]
    assert [each[2] for each in outcomes(sweep_dir)] == ["failed", "failed"]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["optimizer.lr=1e-3,1e-2", "nonsense=1"], "nonsense: no such key"),
        (["optimizer.lr=1e-3,1e-2", "loader.batch_size=0"], "loader.batch_size"),
        (["encoder=xception,no_such_one"], "encoder=no_such_one: no such option"),
        (["optimizer.lr=interval(1e-3,1e-2)"], "hydra/sweeper=tpe"),
    ],
)
def test_what_every_trial_would_trip_over_ends_at_once(arguments, part, tmp_path):
    done = run(tmp_path / "sweep", *arguments)
    assert done.returncode == CONFIG
    assert part in done.stderr
    assert len(done.stderr.splitlines()) <= 4
    assert not (tmp_path / "sweep").exists()


@pytest.mark.slow
def test_a_full_disk_ends_the_sweep_and_it_goes_on(tmp_path):
    sweep_dir, line = tmp_path / "sweep", ("optimizer.lr=1e-3,2e-3", "trainer.max_epochs=1")
    full = run(sweep_dir, *line, fault="no_room_for:report.html")
    assert full.returncode == 6, full.stderr
    assert f"resume={sweep_dir}" in full.stderr
    assert "Traceback" not in full.stderr
    assert [each[2] for each in outcomes(sweep_dir)] == ["running"]
    done = seg("train", f"resume={sweep_dir}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [each[2] for each in outcomes(sweep_dir)] == ["finished", "finished"]
    assert len(list(sweep_dir.glob("*/report.html"))) == 2


@pytest.mark.slow
def test_a_killed_sweep_goes_on(whole_sweep, tmp_path):
    sweep_dir = tmp_path / "sweep"
    killed = run(sweep_dir, "optimizer.lr=1e30,-1,1e-3", fault="kill_at_sync:9")
    assert killed.returncode == KILLED, killed.stderr
    done = seg("train", f"resume={sweep_dir}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert outcomes(sweep_dir) == outcomes(whole_sweep)


@pytest.mark.slow
def test_a_killed_trial_goes_on_from_its_checkpoint(tmp_path):
    line = ("optimizer.lr=1e-3", "trainer.max_epochs=3", "callbacks.checkpoints.every_n_steps=1")
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert run(whole, *line).returncode == 0
    assert run(cut, *line, fault="kill_at_sync:9").returncode == KILLED
    (before,) = read_sweep(cut).trials
    assert before.state == "running"
    done = run(cut, *line, "resume=auto")
    assert done.returncode == 0, done.stderr
    assert "going on from step" in done.stdout
    assert outcomes(cut) == outcomes(whole)
    with (cut / "0" / "metrics.csv").open() as file:
        ours = [row["val/miou"] for row in csv.DictReader(file)]
    with (whole / "0" / "metrics.csv").open() as file:
        assert [row["val/miou"] for row in csv.DictReader(file)] == ours


@pytest.mark.slow
def test_a_signal_ends_the_sweep_and_it_goes_on(tmp_path):
    sweep_dir = tmp_path / "sweep"
    line = ("optimizer.lr=1e-3,1e-2", "trainer.max_epochs=2")
    ended = run(sweep_dir, *line, fault="signal_at:SIGTERM:validation_step:2")
    assert ended.returncode == 143, ended.stderr
    assert [each[2] for each in outcomes(sweep_dir)] == ["running"]
    assert f"resume={sweep_dir}" in ended.stdout
    done = seg("train", f"resume={sweep_dir}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "going on from step" in done.stdout
    assert [each[2] for each in outcomes(sweep_dir)] == ["finished", "finished"]
    assert read_sweep(sweep_dir).trials[0].seconds > 0


@pytest.mark.slow
def test_failed_trials_can_be_tried_again(tmp_path):
    sweep_dir = tmp_path / "sweep"
    assert run(sweep_dir, "optimizer.lr=-1").returncode == 1
    again = seg("train", f"resume={sweep_dir}", "hydra.sweeper.retry_failed=true", cwd=tmp_path)
    assert again.returncode == 1
    assert again.stdout.count("Launching") == 1
    assert "1 of 1 trials failed" in again.stderr


@pytest.mark.slow
def test_pretraining_is_compared_by_what_it_keeps(tmp_path):
    done = seg(
        "pretrain",
        *(
            "-m",
            "optimizer.lr=1e-3,1e-2",
            "trainer.max_epochs=1",
            "classification_dataset.train_length=16",
        ),
        *(
            "classification_dataset.val_length=8",
            "encoder=aligned_xception_micro",
            "loader.num_workers=0",
        ),
        *("loader.batch_size=8", "callbacks.checkpoints.monitor=val/loss"),
        *("callbacks.checkpoints.mode=min", "trainer.accelerator=cpu", "hydra.sweep.dir=sweep"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    sweep = read_sweep(tmp_path / "sweep")
    assert (sweep.monitor, sweep.maximize) == ("val/loss", False)
    for trial in sweep.trials:
        metrics = json.loads((tmp_path / "sweep" / str(trial.number) / "metrics.json").read_text())
        assert trial.value == metrics["val/loss"]
    assert sweep.ranked()[0].value == min(trial.value for trial in sweep.trials)
