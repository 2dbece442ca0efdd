"""A tree of 200 files with 20 faults: each is found, nothing else is; killed readers; CamVid."""

import os
import signal
from dataclasses import dataclass
from multiprocessing import active_children

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.camvid import CamVid
from seg.data.label_space import LabelSpace
from seg.data.readers.image_label_pairs import Pair, PairDataset, UnmatchedFile
from seg.data.readers.value_range import ImageDecoding
from seg.data.sample import Sample
from seg.data.wrappers.excluded import read_quarantine, without_quarantined
from seg.dataset_tools.verify import verify
from tests.dataset_tools.faulty_tree import (
    COUNTS,
    HEIGHT,
    LABELS,
    SMALL_NOTES,
    WIDTH,
    found_by,
    open_splits,
    plant_clean,
    plant_faults,
    plant_notes,
    scene,
    wrong_values,
)


def test_each_of_twenty_faults_is_found_and_nothing_else(tmp_path):
    planted = plant_faults(plant_clean(tmp_path))
    seen = []
    splits, lonely = open_splits(tmp_path)
    report = verify(splits, lonely, num_workers=0, on_sample=lambda: seen.append(1))
    assert found_by(report) == planted
    assert len(report.faults) == 20
    # A JPEG in a file named .png is a fault as a label, and a note besides.
    assert [note.kind for note in report.notes] == ["wrong_suffix"]
    assert len(seen) == sum(report.counts.values()) == 98
    assert sum(report.sound.values()) == 80
    assert len(report.lonely) == 2
    (values,) = [fault.values for fault in report.faults if fault.kind == "unknown_values"]
    assert values == {"77": 7, "200": 2}

    summary = report.summary("out/verify.json")
    assert len(summary.splitlines()) <= 25
    assert "77 (7 pixels), 200 (2 pixels)" in summary
    assert summary.splitlines()[-1].endswith("dataset.exclude=out/verify.json")

    report.write(tmp_path / "verify.json")
    quarantine = read_quarantine(tmp_path / "verify.json")
    assert all(quarantine.covers(each) for some in lonely.values() for each in some)
    rest = {name: without_quarantined(each, quarantine) for name, each in splits.items()}
    assert {name: len(each) for name, each in rest.items()} == report.sound
    again = verify(rest, {}, num_workers=0)
    assert not again.faults
    assert again.summary().splitlines()[1] == "faults: none"


def test_a_clean_tree_gives_no_alarm(tmp_path):
    report = verify(*open_splits(plant_clean(tmp_path)), num_workers=0)
    assert not report.faults
    assert not report.notes
    assert report.sound == report.counts == COUNTS
    assert report.label_kinds == {"train": {"8-bit": 60}, "val": {"8-bit": 40}}


def test_what_is_unusual_but_right_is_noted(tmp_path):
    plant_notes(plant_clean(tmp_path))
    report = verify(*open_splits(tmp_path), num_workers=0)
    assert not report.faults
    assert report.label_kinds["train"] == {"8-bit": 56, "palette": 2, "16-bit": 1, "1-bit": 1}
    kinds = [note.kind for note in report.notes]
    assert sorted(kinds) == sorted([*SMALL_NOTES, *["exif_orientation"] * 2, "duplicate"])
    turned_notes = [note for note in report.notes if note.kind == "exif_orientation"]
    assert "the label fits it" in turned_notes[0].message
    assert "sizes cannot tell" in turned_notes[1].message
    assert "2 labels of train are palette files: 000, 001" in [n.message for n in report.notes]


def test_both_files_of_a_pair_are_told(tmp_path):
    plant_clean(tmp_path)
    (tmp_path / "train/000.png").write_bytes(b"")
    wrong_values(tmp_path / "trainannot/000.png")
    report = verify(*open_splits(tmp_path), num_workers=0)
    assert [fault.kind for fault in report.faults] == ["empty", "unknown_values"]
    assert report.quarantine == {"train": ("000",), "val": ()}


@dataclass
class Drawn:
    """A dataset without files, of which some samples are bad."""

    split: str
    length: int = 12
    poison: int | None = None
    labels = LABELS

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        if index == self.poison:
            os.kill(os.getpid(), signal.SIGKILL)
        if index == 5:
            raise ZeroDivisionError("a reader's own mistake")
        seed = index + 100 * (self.split == "val")
        size = (HEIGHT, WIDTH + (index == 7))
        return Sample(f"n{index}", scene(np.random.default_rng(seed)), np.zeros(size, np.uint8))


def test_whatever_a_dataset_raises_is_a_fault_of_that_sample():
    report = verify({"train": Drawn("train"), "val": Drawn("val", 4)}, {}, num_workers=0)
    assert found_by(report) == {
        ("train", "#5"): "reader_failed",
        ("train", "n7"): "size_mismatch",
    }
    assert "ZeroDivisionError: a reader's own mistake" in report.faults[0].message
    assert report.indices == {"train": (5, 7), "val": ()}


@pytest.mark.slow
def test_a_sample_that_kills_its_reader_is_a_fault_and_the_rest_is_read():
    splits = {"train": Drawn("train", poison=3), "val": Drawn("val", 4)}
    seen = []
    report = verify(splits, {}, num_workers=2, on_sample=lambda: seen.append(1))
    assert found_by(report) == {
        ("train", "#3"): "reader_killed",
        ("train", "#5"): "reader_failed",
        ("train", "n7"): "size_mismatch",
    }
    assert len(seen) == 16


@pytest.mark.slow
def test_readers_killed_from_outside_lose_nothing(tmp_path):
    splits, lonely = open_splits(plant_clean(tmp_path))
    seen = []

    def kill_one() -> None:
        seen.append(1)
        if len(seen) == 30:
            os.kill(active_children()[0].pid, signal.SIGKILL)

    report = verify(splits, lonely, num_workers=2, on_sample=kill_one)
    assert not report.faults
    assert report.sound == COUNTS
    assert len(seen) == 100


def test_a_dataset_that_cannot_be_sent_is_read_in_this_process(caplog):
    dataset = Drawn("val", 4)
    dataset.open_file = lambda: None
    report = verify({"val": dataset}, {}, num_workers=2)
    assert report.sound == {"val": 4}
    assert "reading in one" in caplog.text


def test_the_copy_that_trains_goes_whatever_the_order_of_splits():
    first, second = Drawn("test", 4), Drawn("train", 4)
    report = verify({"test": first, "train": second}, {}, num_workers=0)
    assert report.quarantine == {"test": (), "train": ("n0", "n1", "n2", "n3")}
    assert {fault.kind for fault in report.faults} == {"duplicate", "class_without_pixels"}


def test_a_dataset_under_a_name_that_is_not_its_split_is_refused():
    with pytest.raises(ValueError, match="not their split"):
        verify({"val": Drawn("train", 4)}, {}, num_workers=0)


@pytest.mark.data
def test_camvid_has_no_faults_and_one_video_in_two_splits(camvid_root):
    splits = {split: CamVid(split=split, root=camvid_root) for split in ("train", "val")}
    report = verify(splits, {}, num_workers=0)
    assert not report.faults
    assert report.counts == {"train": 367, "val": 101}
    (note,) = report.notes
    assert note.kind == "shared_sequence"
    assert "'0016E5_', are in several splits: train 204, val 101" in note.message


def test_a_file_that_each_split_lists_counts_once(tmp_path):
    splits, _ = open_splits(plant_clean(tmp_path))
    alone = UnmatchedFile(tmp_path / "x.png", "image", "label")
    report = verify(splits, {split: [alone] for split in splits}, num_workers=0)
    assert [fault.kind for fault in report.faults] == ["no_partner"]
    assert len(report.lonely) == 1


def test_classes_without_a_pixel_are_a_fault_of_training_and_a_note_elsewhere(tmp_path):
    splits, _ = open_splits(plant_clean(tmp_path))
    wider = LabelSpace.identity(tuple("abcdefg"), ((1, 2, 3),) * 7, ignored=(5,))
    for dataset in splits.values():
        dataset.labels = wider
    report = verify(splits, {}, num_workers=0)
    (fault,) = report.faults
    assert (fault.split, fault.kind) == ("train", "class_without_pixels")
    assert fault.message == "2 of 7 classes have no pixel in train: f, g"
    assert [note.split for note in report.notes] == ["val"]
    assert "labels.ignore=" in report.summary()
    assert report.sound == report.counts
    without = {split: wider.remapped(merge={}, ignore=["f", "g"]) for split in splits}
    assert not verify(splits, {}, num_workers=0, labels=without).faults


def test_the_reason_stands_beside_a_file_of_other_bands(tmp_path):
    pytest.importorskip("rasterio")
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "labels/a.png")
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "images/a.tif")
    pairs = [Pair("a", tmp_path / "images/a.tif", tmp_path / "labels/a.png")]
    dataset = PairDataset(pairs, labels=LABELS, split="train")
    dataset.decoding = ImageDecoding(bands=(3, 2, 1))
    summary = verify({"train": dataset}, {}, num_workers=0).summary()
    assert "images/a.tif: image holds 1 band, and dataset.bands=[3,2,1] is declared" in summary
    assert "dataset.bands takes bands that every image has" in summary
