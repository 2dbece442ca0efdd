"""Counting classes: right by hand, once for each state of the files, and usable as loss weights."""

import os

import numpy as np
import pytest
import torch
from PIL import Image

from seg.data.label_space import LabelSpace
from seg.data.readers.image_label_pairs import PairDataset, match_pairs, named_files
from seg.data.sample import Sample
from seg.data.statistics import DatasetStatistics, collect, median_frequency_weights
from seg.errors import DataError
from seg.losses.cross_entropy import CrossEntropy

LABELS = LabelSpace.identity(("a", "b", "c"), ((9, 0, 0), (0, 9, 0), (0, 0, 9)))
FIRST = np.array([[0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1]], np.uint8)
SECOND = np.array([[0, 255], [255, 0]], np.uint8)


class Files(PairDataset):
    """Two samples in files; notes which labels were read."""

    def __init__(self, root, labels=LABELS):
        pairs = match_pairs(named_files(root / "images"), named_files(root / "labels"))
        super().__init__(pairs, labels=labels, split="train")
        self.read: list[int] = []

    def read_label(self, index):
        self.read.append(index)
        return super().read_label(index)


class Memory:
    """Samples that are not files and offer no `read_label`."""

    labels, split = LABELS, "train"

    def __init__(self, *maps):
        self.maps = maps

    def __len__(self):
        return len(self.maps)

    def __getitem__(self, index):
        label_HW = np.asarray(self.maps[index], np.uint8)
        return Sample(str(index), np.zeros((*label_HW.shape, 3), np.uint8), label_HW)


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("SEG_CACHE", str(tmp_path / "cache"))
    for name, label_HW in (("1", FIRST), ("2", SECOND)):
        for folder in ("images", "labels"):
            (tmp_path / folder).mkdir(exist_ok=True)
        Image.fromarray(label_HW).save(tmp_path / f"labels/{name}.png")
        Image.new("RGB", label_HW.shape[::-1]).save(tmp_path / f"images/{name}.png")
    return tmp_path


def kept(root):
    return sorted((root / "cache/statistics").glob("*"))


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("kind", ["files", "memory"])
def test_counts(root, kind, num_workers):
    dataset = Files(root) if kind == "files" else Memory(FIRST, SECOND)
    statistics = collect(dataset, num_workers=num_workers)
    assert statistics.names == ("a", "b", "c")
    assert statistics.class_pixels.tolist() == [[12, 4, 0], [2, 0, 0]]
    assert statistics.ignored_pixels.tolist() == [0, 2]
    assert statistics.sizes.tolist() == [[4, 4], [2, 2]]
    assert statistics.pixel_counts.tolist() == [14, 4, 0]
    assert statistics.image_counts.tolist() == [2, 1, 0]
    assert statistics.frequencies.tolist() == [14 / 18, 4 / 18, 0]


def test_images_are_not_opened(root):
    for path in (root / "images").iterdir():
        path.write_bytes(b"no picture")
    assert len(collect(Files(root), num_workers=0)) == 2


def test_median_frequencies_by_hand(root):
    # a: 14 of the 20 pixels of both images; b: 4 of the 16 of the first; their median is 0.475.
    weights = median_frequency_weights(collect(Files(root), num_workers=0))
    assert weights == pytest.approx([0.475 / 0.7, 0.475 / 0.25, 0])


def test_the_weights_fit_the_loss_also_where_a_new_class_turns_up(root):
    weights = median_frequency_weights(collect(Files(root), num_workers=0))
    loss = CrossEntropy(num_classes=3, ignore_index=255, class_weights=weights)
    label_BHW = torch.tensor([[[0, 1, 2, 255]]])
    assert torch.isfinite(loss(torch.zeros(1, 3, 1, 4), label_BHW))
    assert torch.isfinite(loss(torch.zeros(1, 3, 1, 4), torch.full_like(label_BHW, 2)))


def test_weights_need_a_class():
    ignored = collect(Memory(np.full((2, 2), 255)), num_workers=0)
    assert ignored.frequencies.tolist() == [0, 0, 0]
    with pytest.raises(DataError, match="no pixel of the training labels has a class"):
        median_frequency_weights(ignored)


def test_labels_are_counted_once(root):
    first = collect(Files(root), num_workers=0)
    dataset = Files(root)
    second = collect(dataset, num_workers=0)
    assert dataset.read == []
    assert len(kept(root)) == 1
    for field in ("class_pixels", "ignored_pixels", "sizes"):
        assert np.array_equal(getattr(first, field), getattr(second, field))


def test_a_changed_label_is_counted_again(root):
    collect(Files(root), num_workers=0)
    path = root / "labels/2.png"
    Image.fromarray(np.ones_like(SECOND)).save(path)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert collect(Files(root), num_workers=0).pixel_counts.tolist() == [12, 8, 0]


def test_other_classes_are_counted_again(root):
    collect(Files(root), num_workers=0)
    merged = LABELS.remapped(merge={"ab": ["a", "b"]})
    assert collect(Files(root, merged), num_workers=0).pixel_counts.tolist() == [18, 0]


@pytest.mark.parametrize("damage", ["garbage", "truncated", "pickled", "empty", "other shape"])
def test_a_damaged_cache_is_made_again(root, damage):
    collect(Files(root), num_workers=0)
    (path,) = kept(root)
    sound = path.read_bytes()
    if damage == "pickled":
        objects = np.array([{}, {}], object)
        np.savez(path, class_pixels=objects, ignored_pixels=objects, sizes=objects)
    elif damage == "other shape":
        ones = np.ones((3, 3), np.int64)
        np.savez(path, class_pixels=ones, ignored_pixels=ones, sizes=ones)
    else:
        content = {"garbage": b"\x93NUMPY no", "truncated": sound[: len(sound) // 2], "empty": b""}
        path.write_bytes(content[damage])
    dataset = Files(root)
    assert collect(dataset, num_workers=0).pixel_counts.tolist() == [14, 4, 0]
    assert dataset.read == [0, 1]
    assert kept(root) == [path]
    again = Files(root)
    collect(again, num_workers=0)
    assert again.read == []


def test_a_cache_that_cannot_be_written_costs_only_time(root, monkeypatch, caplog):
    (root / "file").touch()
    monkeypatch.setenv("SEG_CACHE", str(root / "file"))
    assert collect(Files(root), num_workers=0).pixel_counts.tolist() == [14, 4, 0]
    assert "statistics are not kept" in caplog.text


def test_what_is_not_made_of_files_is_not_kept(root):
    collect(Memory(FIRST), num_workers=0)
    assert kept(root) == []


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_broken_label_is_named(root, num_workers):
    (root / "labels/2.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"labels/2\.png: not an image"):
        collect(Files(root), num_workers=num_workers)
    assert kept(root) == []


def test_ids_that_are_no_class_are_refused():
    with pytest.raises(DataError, match=r"sample 1 of split 'train' holds train ids 3, 200"):
        collect(Memory(FIRST, [[0, 3, 200, 255]]), num_workers=0)


def test_no_samples():
    statistics = collect(Memory(), num_workers=0)
    assert isinstance(statistics, DatasetStatistics)
    assert statistics.pixel_counts.tolist() == [0, 0, 0]
