"""Scale, pad and crop in one step against the textbook's three."""

import random

import albumentations
import cv2
import numpy as np
import pytest
from scipy.stats import ks_2samp

from seg.data.transforms.random_scale_crop import RandomScaleCrop

RNG = np.random.default_rng(0)
CROP = (48, 64)
IMAGE = cv2.resize(RNG.integers(0, 256, (15, 20, 3), dtype=np.uint8), (80, 60))
LABEL = RNG.integers(0, 12, (60, 80), dtype=np.uint8)


PLACES = np.dstack([*np.meshgrid(np.arange(80) * 3, np.arange(60) * 4), np.zeros((60, 80))]).astype(
    np.uint8
)
"""An image whose red and green say where a pixel came from: column * 3 and row * 4."""


@pytest.mark.parametrize("factor", [0.5, 0.61, 0.8, 1.0, 1.37, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_crop_shows_a_window_of_the_image_at_the_drawn_scale(factor, seed):
    transform = RandomScaleCrop((factor, factor), CROP, fill=128, fill_mask=255)
    transform.set_random_seed(seed)
    result = transform(image=PLACES, mask=LABEL)
    for axis, unit, span in zip((0, 1), (4, 3), transform.params["window"], strict=True):
        assert 0 <= span.start <= span.start + span.length <= LABEL.shape[axis]
        assert span.size / span.length == pytest.approx(factor, rel=0.02)
        line = [20, 30]
        line[axis] = slice(span.pad, span.pad + span.size)
        shown = result["image"][tuple(line)][:, 1 - axis] / unit
        centres = (np.arange(span.size) + 0.5) * span.length / span.size - 0.5
        expected = span.start + centres.clip(0, span.length - 1)
        assert np.abs(shown - expected).max() < 0.3


@pytest.mark.parametrize("draw", ["uniform", "log"])
def test_unscaled_crops_are_pixels_of_the_image(draw):
    transform = RandomScaleCrop((0.5, 2.0), CROP, draw=draw, unscaled=0.4)
    transform.set_random_seed(0)
    windows = np.lib.stride_tricks.sliding_window_view(IMAGE[..., 0], CROP).reshape(-1, *CROP)
    cut = 0
    for _ in range(200):
        crop = transform(image=IMAGE, mask=LABEL)["image"][..., 0]
        cut += (windows == crop).all(axis=(1, 2)).any()
    assert 0.3 < cut / 200 < 0.5


def test_focus_shows_rare_classes():
    label = np.zeros((60, 80), np.uint8)
    label[5, 7] = 4  # one pixel in 4800
    label[:, 70:] = 255
    transform = RandomScaleCrop((1.0, 2.0), (16, 16), focus=1.0, fill_mask=255)
    transform.set_random_seed(0)
    found = [4 in transform(image=IMAGE, mask=label)["mask"] for _ in range(200)]
    assert 0.4 < np.mean(found) < 0.65  # it is one of two classes
    everything_ignored = np.full_like(label, 255)
    assert transform(image=IMAGE, mask=everything_ignored)["mask"].shape == (16, 16)


def test_the_distribution_is_that_of_the_textbook():
    ours = [RandomScaleCrop((0.5, 2.0), CROP, fill=128, fill_mask=255)]
    textbook = [
        albumentations.RandomScale((-0.5, 1.0), interpolation=cv2.INTER_LINEAR, p=1),
        albumentations.PadIfNeeded(*CROP, fill=128, fill_mask=255),
        albumentations.RandomCrop(*CROP),
    ]

    def statistics(transforms) -> np.ndarray:
        # One stream for all: seeded one by one, albumentations' transforms draw the same numbers.
        compose, found = albumentations.Compose(transforms), []
        compose.set_random_state(np.random.default_rng(1), random.Random(1))
        for _ in range(800):
            result = compose(image=PLACES, mask=LABEL)
            inside = result["mask"] != 255
            pixels = result["image"][inside].astype(float)
            found.append([inside.mean(), *pixels[:, :2].mean(axis=0), *pixels[:, :2].std(axis=0)])
        # Blurred by a pixel: where all of an axis shows, rounding alone would tell the two apart.
        return np.array(found) + np.random.default_rng(2).uniform(
            [0] + [-3] * 4, [0.01] + [3] * 4, (800, 5)
        )

    a, b = statistics(ours), statistics(textbook)
    for name, first, second in zip(["inside", "x", "y", "dx", "dy"], a.T, b.T, strict=True):
        assert ks_2samp(first, second).pvalue > 1e-3, name


@pytest.mark.parametrize(("draw", "median"), [("uniform", 1.25), ("log", 1.0)])
def test_how_the_factor_is_drawn(draw, median):
    transform = RandomScaleCrop((0.5, 2.0), CROP, draw=draw)
    transform.set_random_seed(0)
    spans = [
        transform.get_params_dependent_on_data({"shape": (600, 800)}, {})["window"].columns
        for _ in range(2000)
    ]
    factors = [span.size / span.length for span in spans]
    assert abs(np.median(factors) - median) < 0.05
    assert min(factors) >= 0.49
    assert max(factors) <= 2.04


def test_image_and_label_move_alike():
    right, low = np.meshgrid(np.arange(80) >= 40, np.arange(60) >= 30)
    label = (2 * low + right).astype(np.uint8)
    image = np.dstack([255 * right, 255 * low, 0 * low]).astype(np.uint8)
    transform = RandomScaleCrop((0.5, 2.0), CROP, fill=128, fill_mask=255)
    transform.set_random_seed(0)
    for _ in range(100):
        result = transform(image=image, mask=label)
        inside = result["mask"] != 255
        assert set(np.unique(result["mask"])) <= {0, 1, 2, 3, 255}
        for channel, bit in ((0, 1), (1, 2)):
            shown = result["image"][..., channel].astype(int)
            clear = inside & (abs(shown - 127.5) > 12)  # on the edge itself either is right
            assert ((shown > 127) == (result["mask"] & bit > 0))[clear].all()


@pytest.mark.parametrize("source", [(1, 1), (7, 500), (500, 7), (24, 32)])
def test_odd_shapes(source):
    transform = RandomScaleCrop((0.5, 2.0), CROP, fill_mask=255)
    for seed in range(20):
        transform.set_random_seed(seed)
        result = transform(
            image=np.full((*source, 3), 9, np.uint8), mask=np.full(source, 3, np.uint8)
        )
        assert result["image"].shape == (*CROP, 3)
        assert result["mask"].shape == CROP
        assert set(np.unique(result["mask"])) <= {3, 255}
        assert ((result["image"] == 9).all(axis=-1) == (result["mask"] == 3)).all()


@pytest.mark.parametrize(
    "wrong",
    [
        *({"focus": 1.5}, {"unscaled": -0.1}, {"scale": (0, 1)}, {"scale": (2, 1)}),
        *({"crop": (0, 5)}, {"draw": "normal"}),
    ],
)
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RandomScaleCrop(**{"scale": (0.5, 2.0), "crop": CROP, **wrong})
