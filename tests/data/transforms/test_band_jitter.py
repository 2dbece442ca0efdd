"""Each band changes by an affine map of its own, whatever its type."""

import random

import numpy as np
import pytest
from scipy.stats import kstest

from seg.data.transforms.band_jitter import BandJitter

RNG = np.random.default_rng(0)


def jittered(image, seed=0, clip=True, **ranges):
    jitter = BandJitter(**ranges, p=1)
    jitter.clip = clip
    jitter.set_random_state(np.random.default_rng(seed), random.Random(seed))
    return jitter(image=image)["image"], jitter.params


@pytest.mark.parametrize("bands", [1, 2, 4, 5, 8])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_each_band_has_a_gain_and_an_offset_of_its_own(bands, dtype):
    image = RNG.uniform(60, 180, (20, 30, bands)).astype(dtype)
    result, params = jittered(image)
    assert len(set(params["gain"])) == len(set(params["offset"])) == bands
    expected = image * params["gain"] + params["offset"]
    np.testing.assert_allclose(result, expected, atol=0.5001 if dtype is np.uint8 else 1e-4)
    assert result.dtype == dtype


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_noise_is_normal_and_of_the_drawn_deviation(dtype):
    image = np.full((200, 300, 5), 128, dtype)
    exact = {"gain": (1, 1), "offset": (0, 0), "noise": (2, 6)}
    result, params = jittered(image, **exact)
    noise = result.astype(float) - 128
    rounding = 1 / 12 if dtype is np.uint8 else 0
    np.testing.assert_allclose(noise.var((0, 1)), params["noise"] ** 2 + rounding, rtol=0.03)
    correlation = np.corrcoef(noise.reshape(-1, 5).T)
    assert np.abs(correlation - np.eye(5)).max() < 0.02
    if dtype is np.float32:
        assert kstest(noise[::7, ::7, 0].ravel() / params["noise"][0], "norm").pvalue > 1e-3


def test_values_are_cut_off_only_where_images_are():
    image = np.array([[[-50.0, 300.0]]], np.float32)
    same = {"gain": (1, 1), "offset": (0, 0)}
    assert jittered(image, **same, clip=True)[0].tolist() == [[[0, 255]]]
    assert jittered(image, **same, clip=False)[0].tolist() == [[[-50, 300]]]


def test_wrong_ranges_are_refused():
    for wrong in ({"gain": (1.2, 0.8)}, {"gain": (-1, 1)}, {"noise": (-1, 0)}, {"offset": (1, 0)}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            BandJitter(**wrong)
