"""Files become samples: partners, order, and what is said when something is missing."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seg.data.label_space import LabelSpace
from seg.data.loading.loader import KeyedDataset, SegmentationLoader
from seg.data.loading.parallel_map import parallel_map
from seg.data.loading.resumable_sampler import EpochOrder
from seg.data.readers.image_label_pairs import (
    PairDataset,
    Pairing,
    match_pairs,
    named_files,
)
from seg.errors import DataError, user_message

LABELS = LabelSpace.identity(("a", "b"), ((1, 2, 3), (4, 5, 6)), ignored=(2,))


def write(folder: Path, names: str, value: int = 1, suffix: str = "png") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("L", (6, 4), value).save(folder / f"{name}.{suffix}")
    return folder


def pairs(tmp_path: Path, images: str, labels: str, value: int = 1):
    return match_pairs(
        named_files(write(tmp_path / "images", images)),
        named_files(write(tmp_path / "labels", labels, value)),
    )


def test_samples_come_sorted_and_encoded(tmp_path):
    dataset = PairDataset(pairs(tmp_path, "cab", "bca", 2), labels=LABELS, split="train")
    assert [dataset[index].name for index in range(len(dataset))] == ["a", "b", "c"]
    sample = dataset[0]
    assert sample.image.shape == (4, 6, 3)
    assert sample.image.dtype == sample.label.dtype == np.uint8
    assert (sample.label == 255).all()
    with pytest.raises(IndexError):
        dataset[3]


def test_missing_partners_are_counted_and_named(tmp_path):
    with pytest.raises(DataError, match="7 images and 2 labels") as caught:
        PairDataset(pairs(tmp_path, "abcdefg", "ax"), labels=LABELS, split="train")
    message = str(caught.value)
    assert "6 images have no label" in message
    assert "b.png" in message
    assert "g.png" not in message
    assert "1 labels have no image" in message
    assert "x.png" in message


def test_unknown_label_values_name_the_file(tmp_path):
    dataset = PairDataset(pairs(tmp_path, "a", "a", 77), labels=LABELS, split="train")
    with pytest.raises(DataError, match=r"a\.png: .*\n?.*77 \(24 pixels\)"):
        dataset[0]


def test_empty_folders_say_what_was_looked_for(tmp_path):
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".hidden.png").touch()
    with pytest.raises(DataError, match=r"looked for \*_leftImg8bit\{\.png"):
        named_files(tmp_path, ending="_leftImg8bit")
    with pytest.raises(DataError, match="'val' is empty"):
        PairDataset([], labels=LABELS, split="val")


def test_two_files_for_one_name_are_refused(tmp_path):
    write(write(tmp_path, "a"), "a", suffix="jpg")
    with pytest.raises(DataError, match=r"a\.jpg and a\.png"):
        named_files(tmp_path)


def test_names_with_dots_and_folders(tmp_path):
    write(tmp_path / "city", ["1.5_x"])
    assert list(named_files(tmp_path, pattern="*/*", ending="_x")) == ["city/1.5"]


@pytest.mark.parametrize("workers", [0, 1])
def test_what_one_sample_raises_names_the_way_out(tmp_path, workers):
    dataset = PairDataset(pairs(tmp_path, "a", "a", 77), labels=LABELS, split="train")
    loader = SegmentationLoader(
        KeyedDataset(dataset, augmentation=None, seed=0),
        EpochOrder(1, batch_size=1, seed=0, shuffle=False, drop_last=False, rank=0, world_size=1),
        num_workers=workers,
        prefetch_factor=2,
        pin_memory=False,
        timeout_s=60.0,
    )
    with pytest.raises(DataError) as caught:
        next(iter(loader))
    message = user_message(caught.value)
    assert message.count("dataset.exclude=") == 1
    assert len(message.splitlines()) <= 6
    with pytest.raises(DataError) as caught:
        list(parallel_map(dataset.read_label, 1, num_workers=workers))
    assert "dataset.exclude=" in user_message(caught.value)
    assert "dataset.exclude=" not in str(caught.value)  # where a report quotes it


def test_where_nothing_pairs_up_it_is_an_error_everywhere(tmp_path):
    with pytest.raises(DataError, match="2 images and 3 labels"):
        pairs(tmp_path, "ab", "xyz")


def test_a_tolerant_dataset_lists_missing_partners(tmp_path):
    pairing = pairs(tmp_path, "abc", "ax")
    dataset = PairDataset.tolerant(pairing=pairing, labels=LABELS, split="train")
    assert [pair.name for pair in dataset.pairs] == ["a"]
    missing = [(each.path.stem, each.kind, each.lacks) for each in dataset.unmatched]
    assert missing == [("b", "image", "label"), ("c", "image", "label"), ("x", "label", "image")]
    with pytest.raises(DataError, match="3 images and 2 labels"):  # the next one is strict again
        PairDataset(pairing, labels=LABELS, split="train")


def test_joined_pairings_keep_what_is_wrong_with_the_first(tmp_path):
    whole, lacking = pairs(tmp_path / "1", "ab", "ab"), pairs(tmp_path / "2", "cd", "c")
    joined = Pairing(()) + whole + lacking
    assert [pair.name for pair in joined.pairs] == ["a", "b", "c"]
    assert (joined.unmatched, joined.error) == (lacking.unmatched, lacking.error)
