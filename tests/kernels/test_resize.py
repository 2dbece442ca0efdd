"""Positions and weights against PyTorch's own resize."""

import numpy as np
import pytest
import torch

from seg.kernels.resize import Resize, first_pixels, resize_part

RESIZES = [
    ((7, 9), Resize((25, 33), (23, 31), True)),
    ((7, 9), Resize((25, 33), (25, 33), False)),
    ((9, 8), Resize((4, 5), (4, 5), False)),
    ((1, 5), Resize((3, 1), (3, 1), True)),
]
every_resize = pytest.mark.parametrize(("size", "resize"), RESIZES)


@every_resize
def test_any_part_is_that_of_the_whole(size, resize):
    coarse_hKw = torch.randn(
        size[0], 3, size[1], generator=torch.Generator().manual_seed(0)
    ).double()
    whole = resize(coarse_hKw.transpose(0, 1)[None])[0].transpose(0, 1)
    height, width = resize.cropped
    for rows, columns in (
        (slice(0, height), slice(0, width)),
        (slice(1, 3), slice(width - 1, width)),
    ):
        parts = [
            axis.weights(pixels, dtype=torch.float64, device=torch.device("cpu"))
            for axis, pixels in zip(resize.axes(size), (rows, columns), strict=True)
        ]
        found = resize_part(coarse_hKw, *parts)
        torch.testing.assert_close(found, whole[rows, :, columns], rtol=1e-6, atol=1e-6)


@every_resize
def test_positions_are_those_of_the_weights(size, resize):
    for axis in resize.axes(size):
        pixels = slice(0, axis.stop)
        low, share = axis.positions(pixels)
        sources, weight = axis.weights(pixels, dtype=torch.float64, device=torch.device("cpu"))
        values = np.random.default_rng(0).random(axis.coarse)
        after = np.minimum(low + 1, axis.coarse - 1)
        found = (1 - share) * values[low] + share * values[after]
        np.testing.assert_allclose(found, values[sources] @ weight.numpy(), rtol=1e-6)
        assert sources == axis.sources(pixels)
        first = first_pixels(low, axis.coarse)
        assert first[-1] == axis.stop
        assert all(
            (low[: first[c]] < c).all() and (low[first[c] :] >= c).all() for c in range(axis.coarse)
        )


@pytest.mark.parametrize("width", [1, 31, 300, 5000])
def test_blocks_repeat_the_last_pixel(width):
    _, axis = Resize((1, width), (1, width), False).axes((1, 40))
    (low, share), block = axis.blocks(slice(0, width), 19)
    assert block % 32 == 0
    assert len(low) == len(share) == -(-width // block) * block
    whole = axis.positions(slice(0, width))
    assert (low[:width] == whole[0]).all() and (share[:width] == whole[1]).all()
    assert (low[width:] == low[width - 1]).all() and (share[width:] == share[width - 1]).all()


def test_weights_that_inference_has_cached_serve_in_training():
    axes = Resize((31, 29), (31, 29), True).axes((5, 4))
    device, whole = torch.device("cpu"), (slice(0, 31), slice(0, 29))
    with torch.inference_mode():
        parts = [
            axis.weights(part, dtype=torch.float32, device=device)
            for axis, part in zip(axes, whole, strict=True)
        ]
    logits_hKw = torch.randn(5, 3, 4, requires_grad=True)
    resize_part(logits_hKw, *parts).sum().backward()
    assert logits_hKw.grad.sum() == pytest.approx(3 * 31 * 29, rel=1e-4)
