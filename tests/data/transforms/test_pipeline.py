"""Augmentation is a function of (seed, epoch, index), keeps labels labels, and refuses mistakes."""

import pickle
import warnings
from pathlib import Path

import albumentations
import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from seg.data.sample import Sample
from seg.data.transforms.pipeline import MEAN_COLOR, Augmentation
from seg.data.transforms.random_scale_crop import RandomScaleCrop
from seg.errors import ConfigError, DataError

CONF = Path(__file__).resolve().parents[3] / "conf/augmentation"
RNG = np.random.default_rng(0)
SAMPLE = Sample(
    "town/1",
    RNG.integers(0, 256, (60, 80, 3), dtype=np.uint8),
    RNG.integers(0, 12, (60, 80), dtype=np.uint8),
)


def from_yaml(name: str, **changes) -> Augmentation:
    node = OmegaConf.merge(OmegaConf.load(CONF / f"{name}.yaml"), changes)
    config = OmegaConf.create({"augmentation": node})
    return instantiate(config.augmentation, ignore_index=255, _convert_="all")


@pytest.fixture(scope="module")
def street() -> Augmentation:
    return from_yaml("default", crop=[48, 64])


def same(a: Sample, b: Sample) -> bool:
    return a.image.tobytes() == b.image.tobytes() and a.label.tobytes() == b.label.tobytes()


def test_the_seed_decides_whatever_came_before(street):
    seeds = [(0, epoch, index) for epoch in range(3) for index in range(5)]
    forward = {seed: street(SAMPLE, seed) for seed in seeds}
    copy = pickle.loads(pickle.dumps(street))
    for seed in reversed(seeds):
        assert same(forward[seed], street(SAMPLE, seed))
        assert same(forward[seed], copy(SAMPLE, seed))


def test_seeds_epochs_and_samples_differ(street):
    seeds = [(s, e, i) for s in range(3) for e in range(3) for i in range(3)]
    assert len({street(SAMPLE, seed).image.tobytes() for seed in seeds}) == len(seeds)


def test_the_sample_is_not_modified(street):
    before = SAMPLE.image.copy(), SAMPLE.label.copy()
    for index in range(20):
        result = street(SAMPLE, (0, 0, index))
        assert not np.shares_memory(result.image, SAMPLE.image)
    np.testing.assert_array_equal(SAMPLE.image, before[0])
    np.testing.assert_array_equal(SAMPLE.label, before[1])


def test_street_gives_crops_of_bytes(street):
    for index in range(20):
        sample = street(SAMPLE, (0, 0, index))
        assert sample.name == SAMPLE.name
        assert sample.image.shape == (48, 64, 3)
        assert sample.label.shape == (48, 64)
        assert sample.image.dtype == sample.label.dtype == np.uint8
        assert set(np.unique(sample.label)) <= {*range(12), 255}


def test_none_gives_the_sample_itself():
    assert from_yaml("none")(SAMPLE, (0, 0, 0)) is SAMPLE


def test_transforms_draw_independently():
    # albumentations' own seeding hands every transform the same numbers.
    augmentation = Augmentation(
        [
            RandomScaleCrop((0.5, 2.0), (48, 64)),
            albumentations.HorizontalFlip(p=0.5),
            albumentations.VerticalFlip(p=0.5),
        ],
        ignore_index=255,
    )
    corners = np.zeros((60, 80, 3), np.uint8)
    corners[..., 0], corners[..., 1] = np.arange(80), np.arange(60)[:, None]
    sample = Sample("x", corners, np.zeros((60, 80), np.uint8))
    found = []
    for index in range(500):
        result = augmentation(sample, (0, 0, index))
        inside = result.label == 0
        x, y = (result.image[..., channel].astype(float) for channel in (0, 1))
        middle = inside.any(axis=0).sum(), inside.any(axis=1).sum()
        columns = np.where(inside.any(axis=0))[0]
        rows = np.where(inside.any(axis=1))[0]
        spread = x[rows[0], columns[-1]] - x[rows[0], columns[0]]
        fall = y[rows[-1], columns[0]] - y[rows[0], columns[0]]
        found.append((abs(spread) / middle[0], spread < 0, fall < 0))
    correlation = np.corrcoef(np.array(found, float).T)
    assert np.abs(correlation - np.eye(3)).max() < 0.15
    assert abs(np.mean([flip for _, flip, _ in found]) - 0.5) < 0.07


PADDING = [
    albumentations.PadIfNeeded(min_height=100, min_width=100),
    albumentations.RandomCrop(height=100, width=100, pad_if_needed=True),
    albumentations.Affine(translate_percent=(0.3, 0.3), p=1),
    albumentations.Rotate(limit=(45, 45), p=1),
    albumentations.Perspective(scale=(0.3, 0.3), fit_output=True, p=1),
    albumentations.GridDistortion(distort_limit=(0.8, 0.8), p=1),
    albumentations.OneOf(
        [albumentations.Sequential([albumentations.Affine(scale=(0.5, 0.5), p=1)])], p=1
    ),
    RandomScaleCrop((0.5, 0.5), (60, 80)),
]


@pytest.mark.parametrize("transform", PADDING, ids=lambda t: type(t).__name__)
def test_what_lies_outside_is_ignored_and_grey(transform):
    one = Sample("x", np.full((60, 80, 3), MEAN_COLOR, np.uint8), np.full((60, 80), 7, np.uint8))
    augmentation = Augmentation([transform], ignore_index=255)
    seen = set()
    for index in range(10):
        result = augmentation(one, (0, 0, index))
        seen |= set(np.unique(result.label))
        assert (result.image == MEAN_COLOR).all()
    assert seen == {7, 255}


def test_the_transforms_given_are_left_alone():
    pad = albumentations.PadIfNeeded(100, 100)
    Augmentation([pad], ignore_index=255)
    assert pad.fill_mask == 0


def test_erased_patches_keep_their_label_unless_told():
    augmentation = Augmentation([albumentations.CoarseDropout(p=1)], ignore_index=255)
    result = augmentation(SAMPLE, (0, 0, 0))
    np.testing.assert_array_equal(result.label, SAMPLE.label)
    assert not np.array_equal(result.image, SAMPLE.image)


def test_unknown_arguments_are_refused_at_every_depth():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        flip = albumentations.HorizontalFlip(probability=0.5)
    with pytest.raises(ConfigError) as caught:
        Augmentation([albumentations.OneOf([flip])], ignore_index=255)
    assert "HorizontalFlip" in str(caught.value)
    assert "probability" in str(caught.value)
    assert "allowed: p" in str(caught.value)


def test_classes_for_padding_are_refused():
    with pytest.raises(ConfigError, match=r"PadIfNeeded: fill_mask 3.*leave it out|(?s:.*)leave"):
        Augmentation([albumentations.PadIfNeeded(100, 100, fill_mask=3)], ignore_index=255)


def test_mixing_interpolation_of_labels_is_refused():
    with pytest.raises(ConfigError, match="mask_interpolation 1"):
        Augmentation([albumentations.Resize(10, 10, mask_interpolation=1)], ignore_index=255)


def test_things_that_are_no_transforms_are_refused():
    with pytest.raises(ConfigError, match="dict"):
        Augmentation([{"p": 1}], ignore_index=255)


@pytest.mark.parametrize("crop", [[5], [0, 5], [1, 2, 3]])
def test_wrong_crops_are_refused(crop):
    with pytest.raises(ConfigError, match=r"\[height, width\]"):
        Augmentation([], ignore_index=255, crop=crop)


def test_results_of_another_size_than_crop_are_refused():
    augmentation = Augmentation([albumentations.HorizontalFlip()], ignore_index=255, crop=[48, 64])
    with pytest.raises(ConfigError, match="gives 80 x 60") as caught:
        augmentation(SAMPLE, (0, 0, 0))
    assert "64 x 48" in str(caught.value)
    assert "town/1" in str(caught.value)


def test_none_with_a_crop_is_refused():
    with pytest.raises(ConfigError, match="gives 80 x 60"):
        Augmentation([], ignore_index=255, crop=[48, 64])(SAMPLE, (0, 0, 0))


@pytest.mark.parametrize("transform", [albumentations.Normalize(), albumentations.ToFloat()])
def test_normalisation_belongs_to_the_network(transform):
    with pytest.raises(ConfigError, match="network normalises"):
        Augmentation([transform], ignore_index=255)(SAMPLE, (0, 0, 0))


def test_tensors_are_refused():
    pytest.importorskip("torch")
    with pytest.raises(ConfigError, match="ToTensorV2"):
        Augmentation([albumentations.ToTensorV2()], ignore_index=255)(SAMPLE, (0, 0, 0))


def test_a_transform_that_fails_names_the_sample():
    augmentation = Augmentation([albumentations.RandomCrop(100, 100)], ignore_index=255)
    with pytest.raises(DataError, match="town/1: augmentation failed on an image of 80 x 60"):
        augmentation(SAMPLE, (0, 0, 0))
