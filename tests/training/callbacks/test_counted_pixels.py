"""A training on ignored pixels alone ends with the reason, not with scores of nothing."""

import pytest
import torch
from pytorch_lightning import Trainer

from seg.errors import DataError
from seg.training.callbacks.counted_pixels import CountedPixels
from tests.conftest import SMALL, seg

IGNORED = 255
DATA = 3


@pytest.mark.parametrize(
    ("split", "parts"),
    [
        ("train", ("no pixel of 4 batches counts", "nothing can be learned")),
        ("val", ("no pixel of 6 labels counts", "nothing can be scored")),
    ],
)
def test_a_split_of_ignored_pixels_ends_the_run(split, parts, tmp_path):
    line = [*SMALL, "trainer.max_epochs=1", f"hydra.run.dir={tmp_path / 'run'}"]
    done = seg("train", *line, cwd=tmp_path, fault=f"labels_ignored:{split}")
    assert done.returncode == DATA, done.stdout + done.stderr
    assert f"split {split!r}" in done.stderr
    for part in parts:
        assert part in done.stderr
    assert "labels.ignore" in done.stderr
    assert len(done.stderr.splitlines()) <= 6
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_an_evaluation_of_ignored_pixels_has_no_scores(small_run, tmp_path):
    done = seg("evaluate", f"checkpoint={small_run}", cwd=tmp_path, fault="labels_ignored:val")
    assert done.returncode == DATA, done.stdout + done.stderr
    assert "nothing can be scored" in done.stderr
    assert not list(tmp_path.rglob("metrics.json"))


def judged(labels, *, from_step=0, batches=3, at="epoch"):
    """Let the callback see batches of one label each, then reach the end of an epoch or a run."""
    trainer = Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
    trainer.fit_loop.max_batches = batches
    progress = trainer.fit_loop.epoch_loop.automatic_optimization.optim_progress
    progress.optimizer.step.total.completed = from_step
    callback = CountedPixels(IGNORED)
    callback.on_train_start(trainer, None)
    for index, label in enumerate(labels):
        batch = {"label": torch.tensor([[[IGNORED, label]]])}
        callback.on_train_batch_end(trainer, None, None, batch, index)
    end = callback.on_train_epoch_end if at == "epoch" else callback.on_train_end
    end(trainer, None)


def test_one_pixel_is_enough_and_the_rest_of_an_epoch_is_too_little():
    judged([IGNORED, 4, IGNORED])
    judged([IGNORED, IGNORED])  # a run that goes on in the midst of an epoch
    judged([IGNORED, IGNORED], from_step=7, at="end")
    judged([], at="end")
    for case in ({}, {"at": "end", "batches": 100}):
        with pytest.raises(DataError, match="no pixel of 3 batches"):
            judged([IGNORED] * 3, **case)
