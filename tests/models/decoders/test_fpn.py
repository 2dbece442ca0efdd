"""The light top-down decoder."""

import pytest
import torch
from torch.nn import functional

from seg.errors import ConfigError
from seg.models.decoders import create_decoder
from seg.models.encoders import create_encoder
from seg.models.segmenter import Segmenter

TINY = "aligned_xception_tiny"
NAME = "feature_pyramid"


def perturbed(decoder):
    """In evaluation mode and float64, with norms that do something."""
    generator = torch.Generator().manual_seed(0)
    for name, value in decoder.state_dict().items():
        if "norm" in name and value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
    return decoder.double().eval()


def convolved(state, name, x, **options):
    """Convolution, batch norm and ReLU by their formulas."""
    x = functional.conv2d(x, state[f"{name}.conv.weight"], **options)
    mean, variance, scale, shift = (
        state[f"{name}.norm.{key}"].view(-1, 1, 1)
        for key in ("running_mean", "running_var", "weight", "bias")
    )
    return ((x - mean) / (variance + 1e-5).sqrt() * scale + shift).clamp(min=0)


def test_it_is_the_sum_that_the_paper_describes():
    encoder = create_encoder(TINY)
    options = {"level_strides": (8, 2), "level_channels": (12, 5)}
    decoder = perturbed(create_decoder(NAME, encoder, num_classes=3, **options))
    sides = (65, 33, 17, 9, 5, 5)
    maps = [
        torch.randn(2, width, side, side + 16, dtype=torch.float64)
        for width, side in zip(encoder.channels, sides, strict=True)
    ]
    state = decoder.state_dict()
    x = maps[-1]
    for step, tap in enumerate((maps[3], maps[1])):
        name = f"levels.{step}"
        above = functional.interpolate(
            convolved(state, f"{name}.reduce", x),
            tap.shape[2:],
            mode="bilinear",
            align_corners=True,
        )
        merged = above + convolved(state, f"{name}.lateral", tap)
        kernel = state[f"{name}.refine.depthwise.conv.weight"]
        depthwise = functional.conv2d(merged, kernel, padding=1, groups=merged.shape[1])
        x = merged + convolved(state, f"{name}.refine.pointwise", depthwise)
    expected = functional.conv2d(x, state["logits.weight"], state["logits.bias"])
    with torch.no_grad():
        torch.testing.assert_close(decoder(maps), expected)


@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_logits_over_every_pixel_and_gradients_in_every_parameter(output_stride):
    encoder = create_encoder(TINY, output_stride=output_stride)
    model = Segmenter(encoder, create_decoder(NAME, encoder, num_classes=3))
    logits = model(torch.randn(2, 3, 45, 62))
    assert logits.shape == (2, 3, 45, 62)
    logits.square().mean().backward()
    assert all(parameter.grad is not None for parameter in model.decoder.parameters())
    with torch.no_grad():
        assert model.coarse_logits(torch.randn(1, 3, 65, 33)).shape == (1, 3, 33, 17)


@pytest.mark.parametrize(
    "wrong",
    [
        {"level_strides": (8, 4, 3)},
        {"level_strides": (2, 4, 8)},
        {"level_strides": ()},
        {"level_channels": (96, 64)},
        {"level_channels": (96, 64, 0)},
        {"num_classes": 0},
    ],
)
def test_wrong_values(wrong):
    with pytest.raises(ConfigError, match=r"allowed|give|has"):
        create_decoder(NAME, create_encoder(TINY), **{"num_classes": 2, **wrong})
