"""Promises of a run that Lightning alone would not keep."""

import json

import pytest
import torch
from pytorch_lightning import Callback

from seg.checkpoint import read_checkpoint
from seg.fitting.training import fit
from tests.assembled import parts_of


def step_of(run_dir, name):
    content = torch.load(run_dir / "checkpoints" / name, weights_only=True)
    return content["global_step"]


def test_accumulation_shortens_the_schedule_and_clipping_runs(tmp_path):
    parts = parts_of(tmp_path, "trainer.accumulate_grad_batches=3", "scheduler.power=1.0")
    parts.trainer.fit(parts.task, datamodule=parts.data)
    assert parts.trainer.global_step == 4  # two epochs of four batches, two steps each
    assert parts.trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(0, abs=1e-9)
    assert parts.trainer.gradient_clip_val == 1.0


def test_last_is_the_newest_and_the_end_competes(tmp_path):
    parts = parts_of(tmp_path, "trainer.max_epochs=3", "trainer.check_val_every_n_epoch=2")
    value = fit(parts, tmp_path)
    assert step_of(tmp_path, "last.ckpt") == 12
    assert step_of(tmp_path, "best.ckpt") in (8, 12)
    assert json.loads((tmp_path / "metrics.json").read_text())["val/miou"] == value


def test_a_run_shorter_than_the_validation_interval_has_a_best(tmp_path):
    fit(parts_of(tmp_path, "trainer.max_epochs=1", "trainer.check_val_every_n_epoch=2"), tmp_path)
    assert step_of(tmp_path, "best.ckpt") == step_of(tmp_path, "last.ckpt") == 4
    assert read_checkpoint(tmp_path).labels.num_classes == 19


class Seen(Callback):
    def __init__(self):
        self.epochs = {}

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.epochs.setdefault(trainer.current_epoch, []).extend(batch["index"].tolist())


def test_limited_epochs_differ(tmp_path):
    parts = parts_of(tmp_path, "trainer.limit_train_batches=2", "trainer.max_epochs=3")
    seen = Seen()
    parts.trainer.callbacks.append(seen)
    parts.trainer.fit(parts.task, datamodule=parts.data)
    first, second, third = (seen.epochs[epoch] for epoch in range(3))
    assert first != second != third != first
