"""Averages against their recursion; validation, checkpoints and resuming see the right weights."""

import json

import pytest
import pytorch_lightning as pl
import torch

import seg as package
from seg.errors import ConfigError
from seg.training.callbacks.ema import MovingAverage
from seg.training.callbacks.silence_warnings import quiet
from tests.conftest import SMALL, seg
from tests.training.callbacks.averaged_task import QUIET, STEPS, Task, assert_equal, loader


@pytest.fixture(autouse=True)
def _as_in_a_run():
    quiet()


def fitted(folder, *, steps=STEPS, checkpoint=None):
    """A task trained for some steps, and its trainer; `checkpoint` is what it goes on from."""
    task = Task()
    every_step = pl.callbacks.ModelCheckpoint(
        folder, every_n_train_steps=1, save_top_k=-1, filename="{step}"
    )
    callbacks = [MovingAverage(decay=0.6), every_step]
    trainer = pl.Trainer(**QUIET, max_steps=steps, callbacks=callbacks, val_check_interval=1)
    trainer.fit(task, loader(), loader(), ckpt_path=checkpoint)
    return task


def averages(start, after_steps):
    average, found = start, []
    for step, weights in enumerate(after_steps, 1):
        decay = min(0.6, (1 + step) / (10 + step))
        average = {
            name: decay * average[name] + (1 - decay) * value
            if value.is_floating_point()
            else value
            for name, value in weights.items()
        }
        found.append(average)
    return found


pytestmark = pytest.mark.filterwarnings(
    "ignore:.*(does not have many workers|Checkpoint directory)"
)


def test_validation_and_the_end_see_the_averages_and_training_does_not(tmp_path):
    task = fitted(tmp_path)
    expected = averages(Task().weights(), task.after_steps)
    per_validation = len(loader())
    for step, average in enumerate(expected):
        assert_equal(task.validated[per_validation * step], average)
    assert_equal(task.weights(), expected[-1])
    plain = Task()
    pl.Trainer(**QUIET, max_steps=STEPS, enable_checkpointing=False).fit(plain, loader(), loader())
    assert_equal(task.after_steps[-1], plain.after_steps[-1])


@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch")
def test_a_checkpoint_holds_the_averages_and_training_goes_on_from_it(tmp_path):
    task = fitted(tmp_path)
    expected = averages(Task().weights(), task.after_steps)
    content = torch.load(tmp_path / "step=3.ckpt", weights_only=True)
    kept = {name.removeprefix("model."): value for name, value in content["state_dict"].items()}
    assert_equal(kept, expected[2])
    assert_equal(content["moving_average"]["in_training"], task.after_steps[2])
    resumed = fitted(tmp_path, checkpoint=tmp_path / "step=3.ckpt")
    assert_equal(resumed.weights(), expected[-1])


@pytest.mark.slow
def test_a_run_reports_what_its_checkpoint_scores(tmp_path):
    run = tmp_path / "run"
    line = [*SMALL, "callbacks=ema", "callbacks.averaging.decay=0.5"]
    done = seg("train", *line, f"hydra.run.dir={run}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "val mIoU nan" not in done.stdout
    again = seg("evaluate", f"checkpoint={run}", "hydra.run.dir=again", "device=cpu", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    ours, theirs = (
        json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("run", "again")
    )
    scores = [key for key in ours if key.startswith("val/")]
    assert {key: ours[key] for key in scores} == {key: theirs[key] for key in scores}
    assert package.load_model(run).num_classes == 19


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_wrong_decay(decay):
    with pytest.raises(ConfigError, match="decay"):
        MovingAverage(decay=decay)
