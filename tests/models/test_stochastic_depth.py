"""Stochastic depth against torchvision's, its mean, and what must not change."""

import pytest
import torch
from torch import nn
from torchvision.ops import stochastic_depth

from seg.errors import ConfigError
from seg.models.blocks import StochasticDepth, XceptionModule
from seg.models.encoders import create_encoder

NAMES = ["aligned_xception_tiny", "aligned_xception41p"]


def test_it_is_that_of_torchvision():
    branch = torch.randn(64, 3, 5, 4)
    ours = StochasticDepth(0.3).train()
    for seed in range(5):
        torch.manual_seed(seed)
        found = ours(branch)
        torch.manual_seed(seed)
        assert torch.equal(found, stochastic_depth(branch, 0.3, mode="row"))


def test_whole_samples_are_dropped_and_the_mean_stays():
    branch = torch.randn(20_000, 2, 1, 3).abs() + 1
    out = StochasticDepth(0.25).train()(branch)
    dropped = (out == 0).flatten(1)
    assert torch.equal(dropped.all(1), dropped.any(1))
    # four standard errors of a share of 20,000
    assert dropped[:, 0].float().mean() == pytest.approx(
        0.25, abs=4 * (0.25 * 0.75 / 20_000) ** 0.5
    )
    kept = ~dropped[:, 0]
    torch.testing.assert_close(out[kept], branch[kept] / 0.75)


@pytest.mark.parametrize("name", NAMES)
def test_probabilities_rise_linearly_over_the_residual_modules(name):
    encoder = create_encoder(name, stochastic_depth=0.4)
    blocks = [*encoder.entry, *encoder.middle, *encoder.exit]
    residual = [block for block in blocks if block.skip is not None]
    assert len(residual) == len(blocks) - 1
    expected = [0.4 * (index + 1) / len(residual) for index in range(len(residual))]
    assert [block.stochastic_depth.probability for block in residual] == pytest.approx(expected)


@pytest.mark.parametrize("name", NAMES)
def test_evaluation_and_probability_zero_change_nothing(name):
    plain, dropping = create_encoder(name), create_encoder(name, stochastic_depth=0.5)
    dropping.load_state_dict(plain.state_dict())
    image = torch.randn(2, 3, 33, 33)
    with torch.no_grad():
        assert torch.equal(plain.eval()(image)[-1], dropping.eval()(image)[-1])
        rng = torch.get_rng_state()
        plain.train()(image)
        assert torch.equal(rng, torch.get_rng_state())
        dropping.train()(image)
        assert not torch.equal(rng, torch.get_rng_state())


def test_a_dropped_sample_passes_through_the_skip_alone():
    module = XceptionModule(
        4, (4, 4, 4), skip="sum", dilations=(1, 1, 1), norm_eps=1e-3, drop_probability=0.5
    )
    x = torch.randn(32, 4, 6, 6)
    torch.manual_seed(1)
    out, _ = module(x)
    unchanged = (out == x).flatten(1).all(1)
    torch.manual_seed(1)
    assert torch.equal(unchanged, torch.empty(32, 1, 1, 1).bernoulli_(0.5).flatten() == 0)
    assert 0 < unchanged.sum() < 32
    assert isinstance(module.skip, nn.Identity)


def test_gradient_checkpointing_drops_the_same_samples_twice():
    options = {"stochastic_depth": 0.5}
    plain = create_encoder(NAMES[0], **options)
    checkpointed = create_encoder(NAMES[0], gradient_checkpointing=True, **options)
    checkpointed.load_state_dict(plain.state_dict())
    image = torch.randn(4, 3, 40, 40)
    for encoder in (plain, checkpointed):
        torch.manual_seed(0)
        encoder(image)[-1].square().mean().backward()
    for ours, theirs in zip(plain.parameters(), checkpointed.parameters(), strict=True):
        if ours.grad is not None:
            torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("wrong", [-0.1, 1.0])
def test_wrong_probability(wrong):
    with pytest.raises(ConfigError, match="stochastic_depth"):
        create_encoder(NAMES[0], stochastic_depth=wrong)
