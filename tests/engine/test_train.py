"""Promises of a run that Lightning alone would not keep."""

import json

import pytest
import torch
from pytorch_lightning import Callback

import seg as package
from seg.engine.train import fit
from seg.training.checkpoint import read_checkpoint
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


class AtStart(Callback):
    def on_train_start(self, trainer, pl_module):
        state = pl_module.auxiliary.state_dict()
        self.heads = {name: tensor.clone() for name, tensor in state.items()}
        self.ramp = [loss.step.item() for loss in pl_module.auxiliary_losses]


@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch")
@pytest.mark.filterwarnings("ignore:The dirpath has changed")
def test_auxiliary_heads_stay_out_of_the_network_and_go_on_after_resuming(tmp_path):
    chosen = ("aux_head=fcn", "aux_head.channels=8", "loss=hard_pixel_mining")
    parts = parts_of(tmp_path, *chosen, "trainer.max_epochs=1")
    parts.trainer.fit(parts.task, datamodule=parts.data)
    last = tmp_path / "checkpoints" / "last.ckpt"
    kept = package.load_model(last).state_dict()
    assert kept.keys() == parts.task.model.state_dict().keys()

    again = parts_of(tmp_path / "again", *chosen, "seed=1")
    seen = AtStart()
    again.trainer.callbacks.append(seen)
    again.trainer.fit(again.task, datamodule=again.data, ckpt_path=last, weights_only=True)
    assert seen.ramp == [4]
    for name, tensor in parts.task.auxiliary.state_dict().items():
        assert torch.equal(seen.heads[name], tensor), name
    assert not torch.equal(again.task.auxiliary.heads[0].logits.weight, tensor_of(parts))


def tensor_of(parts):
    return parts.task.auxiliary.heads[0].logits.weight
