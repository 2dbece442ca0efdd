"""Near duplicates: copies of many kinds are found, other pictures are not, and it is quick."""

import io
from time import perf_counter

import cv2
import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.streets import Streets
from seg.dataset_tools.duplicates import (
    appearance,
    close_hashes,
    details,
    difference_hashes,
    equal_groups,
    near_twins,
)
from seg.dataset_tools.video_leakage import shared_sequences


@pytest.fixture(scope="module")
def streets() -> list[np.ndarray]:
    """Pictures of one scene type: rendered streets."""
    sizes = dict.fromkeys(("train_length", "val_length", "test_length"), 40)
    splits = [
        Streets(split=s, size=(96, 192), seed=0, cache_mib=0, **sizes) for s in ("train", "val")
    ]
    return [split[index].image for split in splits for index in range(12)]


def icons(images) -> np.ndarray:
    return np.stack([appearance(np.ascontiguousarray(image), None).icon for image in images])


def as_jpeg(image: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=30)
    return np.asarray(Image.open(file))


COPIES = {
    "same": lambda image: image,
    "jpeg": as_jpeg,
    "half": lambda image: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "darker": lambda image: (image * 0.7).astype(np.uint8),
    "noisy": lambda image: np.clip(
        image + np.random.default_rng(0).normal(0, 8, image.shape), 0, 255
    ).astype(np.uint8),
    "stamped": lambda image: cv2.rectangle(image.copy(), (2, 2), (20, 8), (255, 255, 255), -1),
}


@pytest.mark.parametrize("copy", COPIES)
def test_copies_are_found(streets, copy):
    copies = [COPIES[copy](image) for image in streets[5:15]]
    twins = near_twins(icons(streets), icons(copies))
    assert [(twin.index, twin.twin) for twin in twins] == [(i, i - 5) for i in range(5, 15)]
    assert all(twin.count == 1 and 0.85 <= twin.detail <= 1.0001 for twin in twins)


def test_other_pictures_of_the_same_scene_type_are_not_copies(streets):
    assert not near_twins(icons(streets[:12]), icons(streets[12:]))


def test_flat_pictures_are_near_nothing():
    flat = icons([np.full((20, 30, 3), value, np.uint8) for value in (0, 0, 90, 255)])
    assert not near_twins(flat, flat)
    assert np.isfinite(details(flat)).all()


@pytest.mark.parametrize("count", [3, 300])
def test_where_all_are_alike_the_best_is_named_and_the_others_counted(streets, count):
    pictures = [as_jpeg(streets[0])] * count
    pictures[1] = streets[0]
    (twin,) = near_twins(icons(streets[:1]), icons(pictures))
    assert (twin.index, twin.twin, twin.count) == (0, 1, count)


def test_equal_pixels_share_a_digest_and_shapes_tell_apart():
    zeros = [np.zeros(shape, np.uint8) for shape in ((4, 6, 3), (6, 4, 3), (4, 6, 3))]
    assert equal_groups([appearance(image, None).digest for image in zeros]) == [[0, 2]]


def test_close_hashes_are_those_of_a_plain_count():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 2**64, (2, 50), np.uint64)
    second[:5] = first[7] ^ np.uint64(0b1011)
    found = {pair for i, j in close_hashes(first, second, 24) for pair in zip(i, j, strict=True)}
    expected = {
        (i, j)
        for i in range(50)
        for j in range(50)
        if (int(first[i]) ^ int(second[j])).bit_count() <= 24
    }
    assert found == expected
    assert len(expected) >= 5


def test_the_hash_is_the_brightness_to_the_left():
    rising = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (32, 1))
    assert difference_hashes(rising[None])[0] == 2**64 - 1
    assert difference_hashes(rising[None, :, ::-1].copy())[0] == 0


def test_thousands_are_compared_in_a_moment():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 2**64, (2, 20_000), np.uint64)
    started_at = perf_counter()
    assert not sum(len(i) for i, _ in close_hashes(first, second, 5))
    assert perf_counter() - started_at < 60  # 1.5 s on one idle core


def drive(length: int, seed: int) -> np.ndarray:
    """Icons of a camera that passes a wall of noise."""
    wall = np.random.default_rng(seed).integers(0, 256, (32, 32 + 4 * length), dtype=np.uint8)
    wall = cv2.GaussianBlur(wall, (0, 0), 3)
    wall = cv2.normalize(wall, None, 0, 255, cv2.NORM_MINMAX)
    return np.stack([wall[:, 2 * i : 2 * i + 32] for i in range(length)])


def test_frames_of_one_video_in_two_splits_are_told():
    frames = drive(60, seed=0)
    names = [f"drive_{index:06}" for index in range(60)]
    order = np.random.default_rng(1).permutation(60)
    picked = {"train": order[:40], "val": order[40:]}
    splits = {split: ([names[i] for i in which], frames[which]) for split, which in picked.items()}
    assert shared_sequences(splits) == {"drive_": {"train": 40, "val": 20}}


def test_numbers_at_will_are_no_video():
    shuffled = np.random.default_rng(2).permutation(60)
    frames = drive(60, seed=0)[shuffled]
    names = [f"2007_{index:06}" for index in range(60)]
    assert not shared_sequences(
        {"train": (names[:40], frames[:40]), "val": (names[40:], frames[40:])}
    )


def test_each_split_with_its_own_video_is_as_it_should_be():
    one, other = drive(30, seed=0), drive(30, seed=1)
    assert not shared_sequences(
        {
            "train": ([f"a_{index}" for index in range(30)], one),
            "val": ([f"b_{index}" for index in range(30)], other),
        }
    )
