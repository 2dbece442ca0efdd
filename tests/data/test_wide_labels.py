"""More than 255 classes on the way from files to batches: every value stays as it is."""

import cv2
import numpy as np
import pytest
import torch

from seg.data.datasets.folder import Folder
from seg.data.datasets.shards import Shards
from seg.data.label_ids import check_label_ids
from seg.data.loading.loader import KeyedDataset, collate
from seg.data.loading.resumable_sampler import SampleKey
from seg.data.statistics import collect, median_frequency_weights
from seg.data.transforms.pipeline import Augmentation
from seg.data.transforms.random_scale_crop import RandomScaleCrop
from seg.data.wrappers.cached import CachedDataset
from seg.data.wrappers.remapped import RemappedDataset
from seg.dataset_tools.sample_checks import inspect
from seg.dataset_tools.shards import write_shards
from seg.errors import ConfigError
from tests.wide_tree import COUNT, IGNORED, ids_of, plant


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    where = tmp_path_factory.mktemp("wide")
    plant(where, "train", count=9, block_px=5)
    return where


def opened(root):
    return Folder(split="train", root=root)


def test_a_class_file_and_the_values_alone_give_the_same_labels(root, tmp_path):
    dataset = opened(root)
    assert (dataset.labels.num_classes, dataset.labels.ignore_index) == (COUNT, IGNORED)
    plant(tmp_path, "train", count=9, block_px=5, classes=False)
    inferred = opened(tmp_path)
    assert inferred.labels.file_ids == dataset.labels.file_ids
    for at in range(9):
        for each in (dataset[at].label, dataset.read_label(at), inferred[at].label):
            assert each.dtype == np.uint16
            np.testing.assert_array_equal(each, ids_of(root, "train", at))


def test_cache_and_shards_hold_every_value(root, tmp_path, monkeypatch):
    monkeypatch.setenv("SEG_CACHE", str(tmp_path / "own"))
    dataset = opened(root)
    cached = [CachedDataset(dataset, tmp_path / "cache") for _ in range(2)]
    write_shards(
        dataset, tmp_path / "shards", split="train", num_workers=0, chunk_mib=1, progress=int
    )
    stored = Shards(split="train", root=tmp_path / "shards")
    for at in range(len(dataset)):
        for copy in (*cached, stored):
            assert copy[at].label.dtype == np.uint16
            np.testing.assert_array_equal(copy[at].label, dataset[at].label)
            np.testing.assert_array_equal(copy[at].image, dataset[at].image)
    assert len(list((tmp_path / "cache").rglob("*.pixels"))) == len(dataset)


def test_pixels_are_counted(root, tmp_path, monkeypatch):
    monkeypatch.setenv("SEG_CACHE", str(tmp_path))
    dataset = opened(root)
    ids = np.stack([ids_of(root, "train", at) for at in range(9)])
    expected = np.bincount(ids[ids != IGNORED], minlength=COUNT)
    for _ in range(2):  # counted, then read
        statistics = collect(dataset, num_workers=0)
        assert statistics.pixel_counts.tolist() == expected.tolist()
        assert statistics.ignored_pixels.sum() == (ids == IGNORED).sum()
    assert np.isfinite(median_frequency_weights(statistics)).all()
    assert check_label_ids(dataset) == {*np.flatnonzero(expected).tolist(), IGNORED}
    found = inspect(dataset, 0)
    assert (found.faults, found.label_kind) == ([], "16-bit")
    assert found.classes == set(ids[0].ravel().tolist()) - {IGNORED}


def test_merged_classes_fit_into_8_bits(root):
    dataset = opened(root)
    names = dataset.labels.names
    remapped = RemappedDataset(dataset, dataset.labels.remapped(merge={"low": names[:280]}))
    label = remapped[0].label
    assert label.dtype == np.uint8
    ids = ids_of(root, "train", 0).astype(int)
    expected = np.where(ids == IGNORED, 255, np.maximum(ids - 279, 0))
    np.testing.assert_array_equal(label, expected)


@pytest.mark.parametrize("focus", [0.0, 1.0])
def test_augmented_batches_hold_ids_alone(root, focus):
    crop = RandomScaleCrop(scale=(0.5, 2.0), crop=(48, 64), focus=focus)
    augmentation = Augmentation([crop], ignore_index=IGNORED, crop=(48, 64))
    samples = KeyedDataset(opened(root), augmentation=augmentation, seed=1)
    batch = collate([samples[SampleKey(0, at)] for at in range(9)])
    assert batch["label"].dtype == torch.int32
    known = set(np.unique([ids_of(root, "train", at) for at in range(9)]).tolist())
    values = set(batch["label"].unique().tolist())
    assert values <= known
    assert IGNORED in values
    assert max(values - {IGNORED}) > 255


def test_a_label_of_another_type_is_refused(root):
    augmentation = Augmentation([], ignore_index=255)
    with pytest.raises(ConfigError, match="both must stay uint8"):
        augmentation(opened(root)[0], (0, 0, 0))


def test_the_color_of_a_class_is_that_of_its_pixels(root):
    dataset = opened(root)
    sample = dataset[0]
    colors = dataset.labels.colorize(sample.label)
    assert (colors[sample.label == IGNORED] == 0).all()
    palette = np.asarray(dataset.labels.palette)
    counted = sample.label != IGNORED
    np.testing.assert_array_equal(colors[counted], palette[sample.label[counted]])
    assert len(set(dataset.labels.palette)) == COUNT
    assert cv2.countNonZero(colors.max(-1)) == counted.sum()
