"""Statistics against those of all values at once; the policy in runs."""

import pytest
import torch
from torch import nn

from seg.engine.train import fit
from seg.errors import ConfigError
from seg.models.batch_norm import BatchNormPolicy, batch_norms, momentum_for, recalibrate
from seg.models.segmenter import create_model
from seg.models.sync_batch_norm import CpuSyncBatchNorm
from tests.assembled import parts_of

TINY = "aligned_xception_tiny"
SMALL_DECODER = {"aspp_channels": 32, "decoder_channels": 32, "low_level_channels": 16}
BATCHES = (2, 3, 2)


def network():
    torch.manual_seed(0)
    return create_model(TINY, num_classes=3, decoder_options=SMALL_DECODER)


def pictures():
    generator = torch.Generator().manual_seed(1)
    return [3 * torch.randn(size, 3, 48, 40, generator=generator) + 1 for size in BATCHES]


def inputs_of(model, images):
    """What reaches each norm, batch by batch, with batch statistics and without dropout."""
    seen = {norm: [] for norm in batch_norms(model)}
    hooks = [
        norm.register_forward_pre_hook(lambda module, args: seen[module].append(args[0].double()))
        for norm in seen
    ]
    model.train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    with torch.no_grad():
        for image in images:
            model(image)
    for hook in hooks:
        hook.remove()
    return seen


def test_recalibrated_statistics_are_those_of_all_values_at_once():
    model, reference = network(), network()
    recalibrate(model, pictures())
    for ours, (_, seen) in zip(
        batch_norms(model), inputs_of(reference, pictures()).items(), strict=True
    ):
        values = torch.cat([each.transpose(0, 1).flatten(1) for each in seen], dim=1)
        torch.testing.assert_close(ours.running_mean.double(), values.mean(1), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(ours.running_var.double(), values.var(1), rtol=1e-4, atol=1e-7)


def test_recalibration_leaves_weights_modes_and_norms_in_evaluation_alone():
    model = network()
    held = model.encoder.stem[0].norm.eval()
    modes = [module.training for module in model.modules()]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    recalibrate(model, pictures())
    assert modes == [module.training for module in model.modules()]
    assert not any(module._forward_pre_hooks for module in model.modules())
    assert torch.equal(held.running_mean, before["encoder.stem.0.norm.running_mean"])
    for name, value in model.named_parameters():
        assert torch.equal(value, before[name])
    recalibrate(model, [])
    assert torch.isfinite(torch.cat([norm.running_var for norm in batch_norms(model)])).all()


@pytest.mark.parametrize(
    ("passes", "batch_size", "memory_steps"),
    [(90_000, 16, 900), (4_500, 8, 45), (500, 8, 12.5), (10, 128, 1), (300, 1, 100)],
)
def test_momentum_remembers_a_share_of_the_run_and_enough_samples(passes, batch_size, memory_steps):
    momentum = momentum_for(passes, batch_size)
    assert momentum == pytest.approx(1 / memory_steps)
    # a mean over past batches with weights m (1 - m) ** age: their mean age is the memory
    mean_age = sum(age * momentum * (1 - momentum) ** age for age in range(20 * 900))
    assert mean_age == pytest.approx(memory_steps - 1, rel=1e-3)


def statistics(model):
    return {
        name: value.clone()
        for name, value in model.named_buffers()
        if name.endswith(("running_mean", "running_var"))
    }


def test_frozen_statistics_stay_while_scale_and_shift_train(tmp_path):
    parts = parts_of(tmp_path, "batch_norm=frozen")
    model = parts.task.model
    before, start = statistics(model), {n: p.detach().clone() for n, p in model.named_parameters()}
    parts.trainer.fit(parts.task, datamodule=parts.data)
    assert all(torch.equal(value, before[name]) for name, value in statistics(model).items())
    moved = {
        name for name, value in model.named_parameters() if not torch.equal(value, start[name])
    }
    assert moved == set(start)


def test_frozen_norms_take_a_batch_of_one(tmp_path):
    parts = parts_of(tmp_path, "batch_norm=frozen", "loader.batch_size=1", "trainer.max_epochs=1")
    parts.trainer.fit(parts.task, datamodule=parts.data)
    assert parts.trainer.global_step == 16


@pytest.mark.parametrize(
    ("override", "expected"),
    [("null", 0.1), ("0.02", 0.02), ("auto", 4 / 100)],
)
def test_momentum_of_a_run(tmp_path, override, expected):
    parts = parts_of(tmp_path, f"batch_norm.momentum={override}", "trainer.max_epochs=1")
    parts.trainer.fit(parts.task, datamodule=parts.data)
    (found,) = {norm.momentum for norm in batch_norms(parts.task.model)}
    assert found == pytest.approx(expected)


@pytest.mark.slow
def test_recalibrated_weights_compete_for_the_best(tmp_path):
    slow = ("batch_norm.momentum=3e-4", "callbacks=ema", "callbacks.averaging.decay=0.1")
    plain = fit(parts_of(tmp_path / "plain", *slow), tmp_path / "plain")
    exact = fit(parts_of(tmp_path / "exact", *slow, "batch_norm.recalibrate=4"), tmp_path / "exact")
    assert exact > plain
    best = torch.load(tmp_path / "exact" / "checkpoints" / "best.ckpt", weights_only=True)
    parts = parts_of(tmp_path / "again")
    parts.task.load_state_dict(best["state_dict"])
    stored = statistics(parts.task.model)
    images = [parts.task.normalized(batch["image"]) for batch in parts.data.train_dataloader()]
    recalibrate(parts.task.model, images)
    for name, value in statistics(parts.task.model).items():
        torch.testing.assert_close(stored[name], value, rtol=1e-4, atol=1e-5)


def test_several_processes_share_their_batches_and_one_is_left_alone():
    model = network()
    names = list(model.state_dict())
    policy = BatchNormPolicy(batch_size=4, mode="sync")
    policy.synchronize(model, device=torch.device("cpu"), world_size=1)
    assert not any(isinstance(norm, CpuSyncBatchNorm) for norm in batch_norms(model))
    policy.synchronize(model, device=torch.device("cpu"), world_size=2)
    assert all(isinstance(norm, CpuSyncBatchNorm) for norm in batch_norms(model))
    assert list(model.state_dict()) == names
    policy = BatchNormPolicy(batch_size=4, mode="sync", momentum="auto")
    policy.set_momentum(model, passes=100, world_size=2)
    (found,) = {norm.momentum for norm in batch_norms(model)}
    assert found == pytest.approx(8 / 100)


@pytest.mark.parametrize(
    "options",
    [
        {"momentum": 0.0},
        {"momentum": 1.5},
        {"recalibrate": -1},
        {"mode": "frozen", "recalibrate": 5},
        {"mode": "frozen", "momentum": "auto"},
    ],
)
def test_wrong_values(options):
    with pytest.raises(ConfigError, match="batch_norm"):
        BatchNormPolicy(batch_size=4, **options)
