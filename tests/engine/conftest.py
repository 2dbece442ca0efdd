"""One recipe, trained without a fault: what every interrupted run must end in."""

import csv
import json

import pytest
import torch

from tests.conftest import SMALL, seg

RECIPE = (
    *SMALL,
    "dataset.train_length=24",
    "trainer.accumulate_grad_batches=2",
    "trainer.log_every_n_steps=1",
    "callbacks=ema",
    "callbacks.checkpoints.every_n_steps=1",
)


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory):
    """The run directory of `RECIPE`: 2 epochs of 3 steps of 2 batches of 4."""
    folder = tmp_path_factory.mktemp("whole")
    done = seg("train", *RECIPE, f"hydra.run.dir={folder / 'run'}", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "run"


def checkpoint(run_dir, name="last"):
    return torch.load(run_dir / "checkpoints" / f"{name}.ckpt", weights_only=True)


def assert_the_same(run_dir, whole_run):
    """Bitwise: weights, averages, optimizer, the best, scores, and the curve of validations."""
    for name in ("last", "best"):
        ours, theirs = checkpoint(run_dir, name), checkpoint(whole_run, name)
        assert ours["global_step"] == theirs["global_step"]
        for part in ("state_dict", "optimizer_states", "moving_average"):
            assert_equal(ours[part], theirs[part], part)
    ours, theirs = (json.loads((run / "metrics.json").read_text()) for run in (run_dir, whole_run))
    scores = [key for key in theirs if key.startswith("val/")]
    assert {key: ours[key] for key in scores} == {key: theirs[key] for key in scores}
    ours, theirs = (curve(run) for run in (run_dir, whole_run))
    assert [row for row in ours if row["val/miou"]] == [row for row in theirs if row["val/miou"]]
    # a process that is killed between a step and its row leaves no row
    assert all(row in theirs for row in ours)


def curve(run_dir):
    with (run_dir / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def assert_equal(ours, theirs, where):
    if isinstance(theirs, torch.Tensor):
        assert torch.equal(ours, theirs), where
    elif isinstance(theirs, dict):
        assert ours.keys() == theirs.keys(), where
        for key in theirs:
            assert_equal(ours[key], theirs[key], f"{where}.{key}")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), where
        for position, inner in enumerate(theirs):
            assert_equal(ours[position], inner, f"{where}[{position}]")
    else:
        assert ours == theirs, where
