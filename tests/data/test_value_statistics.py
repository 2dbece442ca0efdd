"""Moments and percentiles of the values of a split, against NumPy's over all values at once."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from seg.data.label_space import LabelSpace
from seg.data.readers.image_label_pairs import Pair, PairDataset
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.data.value_statistics import PERCENTILES, count_values, first_kind
from seg.data.wrappers.subset import Subset
from seg.errors import DataError

LABELS = LabelSpace.identity(("a", "b"), ((0, 0, 0), (1, 1, 1)))
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEG_CACHE", str(tmp_path / "cache"))


def dataset_of(directory, images, decoding=PLAIN):
    pairs = []
    for place, image in enumerate(images):
        np.save(directory / f"{place}.npy", image)
        Image.fromarray(np.zeros(image.shape[:2], np.uint8)).save(directory / f"{place}.png")
        pairs.append(Pair(f"{place}", directory / f"{place}.npy", directory / f"{place}.png"))
    dataset = PairDataset(pairs, labels=LABELS, split="train")
    dataset.decoding = decoding
    return dataset


def values_like(kind, size):
    if np.dtype(kind).kind == "f":
        return (RNG.normal(3e4, 9e3, size) * RNG.choice([-1, 1, 1e-9, 1e4], size)).astype(kind)
    limits = np.iinfo(kind)
    return RNG.integers(limits.min, limits.max, size, kind, endpoint=True)


@pytest.mark.parametrize(
    "kind", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]
)
def test_they_are_exact(tmp_path, kind):
    images = [values_like(kind, (12 + 3 * place, 20 - place, 4)) for place in range(5)]
    dataset = dataset_of(tmp_path, images, ImageDecoding(bands=(1, 3, 4, 2)))
    counted = count_values(dataset, num_workers=0)
    every = np.concatenate([image.reshape(-1, 4) for image in images])[:, [0, 2, 3, 1]]
    assert (counted.kind, counted.count) == (kind, len(every))
    np.testing.assert_allclose(counted.mean, every.astype(float).mean(0), rtol=1e-9)
    np.testing.assert_allclose(counted.std, every.astype(float).std(0), rtol=1e-9)
    expected = np.percentile(every, PERCENTILES, axis=0, method="inverted_cdf")
    np.testing.assert_array_equal([counted.low, counted.high], expected.astype(float))
    assert count_values(Subset(dataset, range(5)), num_workers=2) == counted


def test_a_mean_that_is_far_from_zero(tmp_path):
    images = [1e6 + RNG.normal(0, 1e-2, (50, 40, 1)) for _ in range(8)]
    counted = count_values(dataset_of(tmp_path, images), num_workers=0)
    every = np.concatenate([image.ravel() for image in images])
    np.testing.assert_allclose(counted.std, every.std(), rtol=1e-9)
    np.testing.assert_allclose(counted.mean, every.mean(), rtol=1e-12)


def test_pixels_without_data_do_not_count(tmp_path):
    images = [RNG.random((12, 20, 2), np.float32) for _ in range(3)]
    images[1][:6, :, 1] = np.nan
    decoding = ImageDecoding(bands=(1, 2), nodata="nan")
    counted = count_values(dataset_of(tmp_path, images, decoding), num_workers=0)
    every = np.concatenate([image.reshape(-1, 2) for image in images])
    every = every[~np.isnan(every).any(1)].astype(float)
    assert counted.count == len(every) == 3 * 240 - 120
    np.testing.assert_allclose(counted.mean, every.mean(0), rtol=1e-9)
    with pytest.raises(DataError, match=r"1.npy: image holds 120 values that are NaN"):
        count_values(dataset_of(tmp_path, images, replace(decoding, nodata=None)), num_workers=0)
    images[0][:], images[2][:] = np.nan, np.nan
    images[1][:] = np.nan
    with pytest.raises(DataError, match="no values to count"):
        count_values(dataset_of(tmp_path, images, decoding), num_workers=0)


def test_they_are_kept_until_a_file_changes(tmp_path, monkeypatch):
    images = [values_like("uint16", (12, 20, 1)) for _ in range(3)]
    dataset = dataset_of(tmp_path, images)
    counted = count_values(dataset, num_workers=0)
    (kept,) = (tmp_path / "cache/statistics").glob("values_*.json")
    with monkeypatch.context() as patch:
        patch.setattr("seg.data.value_statistics._captured", None)
        assert count_values(dataset, num_workers=0) == counted
    kept.write_text(kept.read_text()[:-9])
    assert count_values(dataset, num_workers=0) == counted
    np.save(tmp_path / "1.npy", values_like("uint16", (14, 20, 1)))
    Image.fromarray(np.zeros((14, 20), np.uint8)).save(tmp_path / "1.png")
    assert count_values(dataset, num_workers=0) != counted


def test_images_of_two_kinds_are_refused(tmp_path):
    images = [values_like("uint16", (12, 20, 3)), values_like("uint8", (12, 20, 3))]
    with pytest.raises(DataError, match=r"1.npy: image holds 3 bands of uint8, and .* of uint16"):
        count_values(dataset_of(tmp_path, images), num_workers=0)
    dataset = dataset_of(tmp_path, [images[0], images[0][..., :1]])
    with pytest.raises(DataError, match=r"1.npy: image holds 1 bands of uint16"):
        count_values(dataset, num_workers=0)
    assert first_kind(dataset) == "uint16"
    (tmp_path / "1.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match=r"1.npy: image is damaged"):
        count_values(dataset, num_workers=0)
    assert count_values(dataset, num_workers=0, tolerant=True).count == 240
