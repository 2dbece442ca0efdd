"""Augmentation of images of any number of channels, of bytes and of floating-point values."""

import albumentations
import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from seg.build.instantiate import build
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.data.sample import Sample
from seg.data.transforms.band_jitter import BandJitter
from seg.data.transforms.by_channels import ByChannels, chosen_transforms, is_rgb
from seg.data.transforms.color_jitter import LinearColorJitter, color_matrix
from seg.data.transforms.gpu_band_jitter import DeviceBandJitter
from seg.data.transforms.gpu_transforms import DeviceAugmentation
from seg.data.transforms.pipeline import Augmentation
from seg.data.transforms.random_scale_crop import RandomScaleCrop
from seg.errors import ConfigError
from tests.composition import composed

KINDS = {
    "two bands": ImageDecoding(bands=(1, 2)),
    "four bands": ImageDecoding(bands=(1, 2, 3, 4)),
    "RGB of 12 bits": ImageDecoding(value_range=(0, 4095)),
    "six deep bands": ImageDecoding(value_range=(0, 4095), bands=tuple(range(1, 7))),
    "unclipped": ImageDecoding(value_range=(0, 4095), bands=(1, 2, 3, 4), clip=False),
}
PADDING = [
    albumentations.PadIfNeeded(min_height=100, min_width=100),
    albumentations.Affine(translate_percent=(0.3, 0.3), p=1),
    albumentations.Rotate(limit=(45, 45), p=1),
    albumentations.Perspective(scale=(0.3, 0.3), fit_output=True, p=1),
    albumentations.GridDistortion(distort_limit=(0.8, 0.8), p=1),
    RandomScaleCrop((0.5, 0.5), (60, 80)),
]
KIND = pytest.mark.parametrize("decoding", KINDS.values(), ids=KINDS)
RNG = np.random.default_rng(0)


def sample_of(decoding, value=None) -> Sample:
    shape = (60, 80, decoding.channels)
    low, high = (0, 255) if decoding.clip else (-200, 500)
    image = RNG.uniform(low, high, shape) if value is None else np.full(shape, value)
    return Sample("town/1", image.astype(decoding.dtype), np.full((60, 80), 7, np.uint8))


def option_of(name, decoding) -> Augmentation:
    node = composed("train", f"augmentation={name}", "augmentation.crop=[48,64]")["augmentation"]
    return build("augmentation", node, ignore_index=255, decoding=decoding)


@KIND
@pytest.mark.parametrize("transform", PADDING, ids=lambda t: type(t).__name__)
def test_all_channels_outside_are_grey(transform, decoding):
    grey = 128 if decoding.dtype is np.uint8 else 127.5
    augmentation = Augmentation([transform], ignore_index=255, decoding=decoding)
    seen = set()
    for index in range(4):
        result = augmentation(sample_of(decoding, grey), (0, 0, index))
        seen |= set(np.unique(result.label))
        np.testing.assert_allclose(result.image, grey, atol=1e-3)
    assert 255 in seen


@KIND
@pytest.mark.parametrize("option", ["default", "weak", "strong", "synthetic", "bands", "gpu"])
def test_every_option_takes_every_kind(option, decoding):
    augmentation = option_of(option, decoding)
    sample = sample_of(decoding)
    lowest = []
    for index in range(6):
        result = augmentation(sample, (0, 0, index))
        assert result.image.dtype == decoding.dtype
        assert result.image.shape == (48, 64, decoding.channels)
        lowest.append(result.image.min())
    assert (min(lowest) < -50) == (not decoding.clip)
    if augmentation.on_device:
        image_BCHW = torch.from_numpy(result.image).permute(2, 0, 1)[None]
        changed, _ = augmentation.on_device(
            image_BCHW, torch.zeros(1, 48, 64, dtype=torch.uint8), seed=0, keys=[(0, 0)]
        )
        assert (changed.dtype, changed.shape) == (image_BCHW.dtype, image_BCHW.shape)
        assert 1 < changed.float().std() < 300


def test_flips_and_crops_keep_values_exactly():
    decoding = KINDS["unclipped"]
    transforms = [RandomScaleCrop((1, 1), (60, 80)), albumentations.HorizontalFlip(p=1)]
    sample = sample_of(decoding)
    result = Augmentation(transforms, ignore_index=255, decoding=decoding)(sample, (0, 0, 0))
    np.testing.assert_array_equal(result.image, sample.image[:, ::-1])


def test_pixel_transforms_see_floats_in_their_own_range():
    gamma = albumentations.RandomGamma(gamma_limit=(200, 200), p=1)
    decoding = KINDS["six deep bands"]
    pad = albumentations.PadIfNeeded(100, 80, fill=51)
    sample = sample_of(decoding)
    augmentation = Augmentation(
        [albumentations.Sequential([gamma, pad])], ignore_index=255, decoding=decoding
    )
    result = augmentation(sample, (0, 0, 0)).image
    np.testing.assert_allclose(result[20:80], (sample.image / 255) ** 2 * 255, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(result[0], 51, rtol=1e-6)


def test_color_jitter_of_floats_is_exact():
    jitter = LinearColorJitter(p=1)
    image = RNG.uniform(0, 255, (20, 30, 3)).astype(np.float32)
    steps = [("contrast", 1.1), ("saturation", 0.7), ("brightness", 0.9)]
    matrix = color_matrix(steps, float((image @ (0.299, 0.587, 0.114)).mean()))
    expected = image.astype(float) @ matrix[:, :3].T + matrix[:, 3]
    np.testing.assert_allclose(jitter.apply(image, steps=steps), expected.clip(0, 255), atol=1e-3)
    jitter.clip = False
    np.testing.assert_allclose(jitter.apply(image, steps=steps), expected, atol=1e-3)


REFUSED = [
    (LinearColorJitter(), "four bands", "returns 3 channels"),
    (albumentations.ColorJitter(), "six deep bands", "3-channel"),
    (albumentations.ToGray(), "two bands", "3-channel"),
    (albumentations.OneOf([albumentations.CLAHE()]), "four bands", "3-channel"),
    (albumentations.GaussianBlur(), "unclipped", "clip=false"),
    (albumentations.RandomGamma(), "unclipped", "no images"),
    (albumentations.Normalize(), "RGB of 12 bits", "network normalises"),
    (albumentations.FromFloat(), "RGB of 12 bits", "network normalises"),
]


@pytest.mark.parametrize(("transform", "kind", "reason"), REFUSED)
def test_what_cannot_take_the_images_is_refused_before_any_sample(transform, kind, reason):
    with pytest.raises(ConfigError, match=reason) as caught:
        Augmentation([transform], ignore_index=255, decoding=KINDS[kind])
    assert "BandJitter" in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 6


def test_device_transforms_that_cannot_are_refused():
    for transform, kind in (
        (v2.ColorJitter(0.5), "four bands"),
        (v2.ColorJitter(0.5), "unclipped"),
    ):
        with pytest.raises(ConfigError, match="DeviceBandJitter"):
            DeviceAugmentation([transform], KINDS[kind])


@pytest.mark.parametrize("kind", ["four bands", "RGB of 12 bits", "unclipped"])
def test_device_jitter_is_an_affine_map_of_each_band(kind):
    decoding = KINDS[kind]
    jitter = DeviceAugmentation([DeviceBandJitter(gain=(0.5, 0.9), offset=(5, 20), p=1)], decoding)
    image = torch.from_numpy(sample_of(decoding).image).permute(2, 0, 1)[None]
    changed, _ = jitter(image, torch.zeros(1, 60, 80, dtype=torch.uint8), seed=1, keys=[(0, 3)])
    ours, theirs = image[0].double().flatten(1), changed[0].double().flatten(1)
    for band, result in zip(ours, theirs, strict=True):
        gain, offset = np.polyfit(band, result, 1)
        assert 0.5 <= gain <= 0.9
        inside = 0.6 if image.dtype == torch.uint8 else 0.01
        assert (band * gain + offset - result).abs().max() < inside
    again, _ = jitter(image, torch.zeros(1, 60, 80, dtype=torch.uint8), seed=1, keys=[(0, 3)])
    assert torch.equal(changed, again)


def test_which_images_are_rgb():
    rgb = (PLAIN, ImageDecoding(bands=(4,)), ImageDecoding(bands=(3, 2, 1)))
    rgb += (ImageDecoding(bands=("Blue", "green", "red")), ImageDecoding(bands=("vv",)))
    others = (ImageDecoding(bands=("nir", "red", "green")), *(KINDS[k] for k in list(KINDS)[:2]))
    assert all(map(is_rgb, rgb))
    assert not any(map(is_rgb, others))
    place = ByChannels(rgb=[1, 2], others=[3])
    assert chosen_transforms([0, place, 4], PLAIN) == [0, 1, 2, 4]
    assert chosen_transforms([0, place, 4], KINDS["two bands"]) == [0, 3, 4]


def test_samples_of_bytes_in_rgb_stay_what_they_were():
    before = [
        RandomScaleCrop([0.5, 2.0], [48, 64], unscaled=0.15),
        albumentations.HorizontalFlip(p=0.5),
        LinearColorJitter((0.8, 1.2), (0.8, 1.2), (0.8, 1.2), p=0.8),
    ]
    plain = Augmentation(before, ignore_index=255, crop=[48, 64])
    option = option_of("default", PLAIN)
    for index in range(20):
        a, b = (each(sample_of(PLAIN, 99), (0, 1, index)) for each in (plain, option))
        np.testing.assert_array_equal(a.image, b.image)
        np.testing.assert_array_equal(a.label, b.label)
    assert not any(isinstance(each, BandJitter) for each in option._transforms)
