"""One matrix against the three passes of albumentations."""

import random

import albumentations
import numpy as np
import pytest
from albumentations.augmentations.pixel import functional
from scipy.stats import ks_2samp

from seg.data.transforms.color_jitter import LinearColorJitter, color_matrix

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(60, 180, (24, 32, 3), dtype=np.uint8)  # no pass clips it
PASSES = {
    "brightness": functional.adjust_brightness_torchvision,
    "contrast": functional.adjust_contrast_torchvision,
    "saturation": lambda image, factor: functional.adjust_saturation_torchvision(
        image, factor, gamma=0
    ),
}


@pytest.mark.parametrize("seed", range(8))
def test_the_pixels_are_those_of_three_passes(seed):
    jitter = LinearColorJitter(p=1)
    jitter.set_random_seed(seed)
    result = jitter(image=IMAGE)["image"]
    expected = IMAGE
    for step, factor in jitter.params["steps"]:
        expected = PASSES[step](expected, factor)
    gap = np.abs(result.astype(int) - expected)
    assert gap.max() <= 3  # albumentations cuts fractions off in each pass
    assert np.abs(result.astype(int) - IMAGE).max() > 3


def test_the_distribution_is_that_of_albumentations():
    def statistics(transform) -> np.ndarray:
        compose, found = albumentations.Compose([transform]), []
        compose.set_random_state(np.random.default_rng(1), random.Random(1))
        for _ in range(400):
            pixels = compose(image=IMAGE)["image"].astype(float)
            grey = pixels.mean(axis=-1)
            found.append([grey.mean(), grey.std(), (pixels - grey[..., None]).std()])
        return np.array(found)

    ranges = dict.fromkeys(("brightness", "contrast", "saturation"), (0.8, 1.2))
    ours = statistics(LinearColorJitter(**ranges, p=0.8))
    theirs = statistics(albumentations.ColorJitter(**ranges, hue=(0, 0), p=0.8))
    for name, a, b in zip(("brightness", "contrast", "saturation"), ours.T, theirs.T, strict=True):
        assert ks_2samp(a, b).pvalue > 1e-3, name


def test_all_color_gone_is_grey():
    matrix = color_matrix([("saturation", 0.0)], 0.0)
    assert np.ptp(matrix, axis=0).max() == 0
    color = np.full((2, 2, 3), (10, 20, 30), np.uint8)
    flat = LinearColorJitter().apply(color, steps=[("contrast", 0.0)])
    np.testing.assert_allclose(flat, 0.299 * 10 + 0.587 * 20 + 0.114 * 30, atol=0.5)


def test_wrong_ranges_are_refused():
    with pytest.raises(ValueError, match="contrast"):
        LinearColorJitter(contrast=(1.2, 0.8))
