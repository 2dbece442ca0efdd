"""The mean of weights against torch's AveragedModel and update_bn, in runs and after a restart."""

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback
from torch.optim.swa_utils import AveragedModel, update_bn

from seg.engine.train import fit
from seg.errors import ConfigError
from seg.training.callbacks.silence_warnings import quiet
from seg.training.callbacks.swa import StochasticWeightAveraging
from tests.assembled import parts_of
from tests.training.callbacks.averaged_task import QUIET, STEPS, Task, assert_equal, loader


@pytest.fixture(autouse=True)
def _as_in_a_run():
    quiet()


pytestmark = pytest.mark.filterwarnings(
    "ignore:.*(does not have many workers|Checkpoint directory)",
    "ignore:You're resuming from a checkpoint that ended before the epoch",
)


class Reference(Callback):
    """Torch's own average of what the network is after the given steps, and each step's rate."""

    def __init__(self, steps):
        self.steps = set(steps)
        self.average = None
        self.rates = []

    def on_before_optimizer_step(self, trainer, *_):
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_batch_end(self, trainer, pl_module, *_):
        if trainer.global_step in self.steps:
            self.average = self.average or AveragedModel(pl_module.model)
            self.average.update_parameters(pl_module.model)


def fitted(folder, callback, *further, checkpoint=None):
    task = Task()
    every_step = pl.callbacks.ModelCheckpoint(
        folder, every_n_train_steps=1, save_top_k=-1, filename="{step}"
    )
    trainer = pl.Trainer(**QUIET, max_steps=STEPS, callbacks=[callback, *further, every_step])
    trainer.fit(task, loader(), loader(), ckpt_path=checkpoint)
    return task


def averaging(**options):
    return StochasticWeightAveraging(**{"start_share": 0.4, "recalibrate": 0, **options})


@pytest.mark.parametrize(
    ("options", "steps"),
    [({}, [3, 4, 5, 6, 7]), ({"every_steps": 2}, [3, 5, 7]), ({"start_share": 0.9}, [6, 7])],
)
def test_the_run_ends_with_the_mean_that_torch_makes(tmp_path, options, steps):
    reference = Reference(steps)
    task = fitted(tmp_path, averaging(**options), reference)
    expected = dict(reference.average.module.named_parameters())
    for name, value in task.model.named_parameters():
        torch.testing.assert_close(value, expected[name])
        assert not torch.equal(value, task.after_steps[-1][name])


def test_it_goes_on_after_a_restart(tmp_path):
    whole = fitted(tmp_path, averaging())
    resumed = fitted(tmp_path, averaging(), checkpoint=tmp_path / "step=4.ckpt")
    assert_equal(whole.weights(), resumed.weights())
    content = torch.load(tmp_path / "step=4.ckpt", weights_only=True)
    assert content["weight_averaging"]["count"] == 2


@pytest.mark.slow
def test_statistics_rate_and_competition_in_a_run(tmp_path):
    parts = parts_of(
        tmp_path,
        "callbacks=swa",
        "callbacks.averaging.start_share=0.5",
        "callbacks.averaging.rate_share=0.3",
        "callbacks.averaging.recalibrate=4",
        "decoder.dropout=0.0",
        "optimizer.lr=1e-3",
    )
    reference = Reference(range(4, 9))
    parts.trainer.callbacks.insert(0, reference)
    validated = []
    keeper = parts.trainer.checkpoint_callbacks[0]
    offer = keeper.record_score
    keeper.record_score = lambda trainer, results: (
        validated.append({n: v.clone() for n, v in parts.task.model.state_dict().items()}),
        offer(trainer, results),
    )
    fit(parts, tmp_path)
    assert reference.rates[:4] == pytest.approx([1e-3 * (1 - s / 8) ** 0.9 for s in range(4)])
    assert reference.rates[5:] == pytest.approx([3e-4] * 3)
    (offered,) = validated
    with torch.no_grad():
        images = [parts.task.normalized(b["image"]) for b in parts.data.train_dataloader()]
    average = reference.average.module.train()
    update_bn(images, average)
    for name, value in average.state_dict().items():
        if name.endswith("running_mean") or ("running" not in name and "tracked" not in name):
            torch.testing.assert_close(offered[name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "wrong", [{"start_share": 1.0}, {"every_steps": 0}, {"rate_share": 0.0}, {"recalibrate": -1}]
)
def test_wrong_values(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        averaging(**wrong)
