"""Positions against PyTorch's own resizes, and a picture whose values are its coordinates."""

import pytest
import torch
from torch.nn import functional

from seg.distillation.feature_alignment import labels_at, resampled, spread
from seg.kernels.resize import Resize


def grid_of(extent, size, align_corners):
    return Resize(extent, extent, align_corners).axes(size)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("size", [(9, 13), (5, 7), (1, 1)])
def test_over_one_extent_it_is_a_bilinear_resize(align_corners, size):
    values = torch.randn(2, 3, 5, 4, dtype=torch.float64)
    extent = (33, 49)
    found = resampled(
        values, grid_of(extent, (5, 4), align_corners), grid_of(extent, size, align_corners)
    )
    if size == (1, 1):  # PyTorch calls the first pixel a picture of one
        assert found.shape == (2, 3, 1, 1)
        return
    expected = functional.interpolate(values, size, mode="bilinear", align_corners=align_corners)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "mine", [grid_of((65, 97), (17, 25), True), grid_of((64, 96), (16, 24), False)]
)
@pytest.mark.parametrize(
    "other", [grid_of((65, 97), (5, 7), True), grid_of((64, 96), (8, 12), False)]
)
def test_each_value_comes_from_its_own_place_in_the_picture(mine, other):
    """Also between networks that pad the picture differently."""
    here, there = (
        torch.stack(
            torch.meshgrid(*(axis.coarse_px(torch.device("cpu")) for axis in grid), indexing="ij")
        )
        for grid in (mine, other)
    )
    found = resampled(here[None], mine, other)[0]
    expected = torch.minimum(torch.maximum(there, here[:, :1, :1]), here[:, -1:, -1:])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_labels_of_the_release_grid_are_every_stride_th():
    label = torch.randint(0, 19, (2, 33, 49), dtype=torch.uint8)
    grid = grid_of((33, 49), (9, 13), True)
    assert torch.equal(labels_at(label, grid, 255), label[:, ::4, ::4])


def test_labels_beyond_the_picture_are_ignored():
    label = torch.zeros(1, 30, 49, dtype=torch.uint8)
    found = labels_at(label, grid_of((33, 49), (9, 13), True), 255)
    assert (found[:, :8] == 0).all() and (found[:, 8] == 255).all()


@pytest.mark.parametrize(
    ("extent", "size", "align_corners"), [((33, 49), (9, 13), True), ((32, 48), (8, 12), False)]
)
def test_spread_labels_are_found_again(extent, size, align_corners):
    label = torch.randint(0, 19, (2, *size), dtype=torch.uint8)
    grid = grid_of(extent, size, align_corners)
    pixels = spread(label, grid, extent)
    assert pixels.shape == (2, *extent)
    assert torch.equal(labels_at(pixels, grid, 255), label)
    if not align_corners:
        expected = functional.interpolate(label[:, None].float(), extent, mode="nearest")
        assert torch.equal(pixels, expected[:, 0].byte())
