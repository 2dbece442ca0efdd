"""A tree of 200 files with 20 faults: each is found, nothing else is; killed readers; CamVid."""

import io
import os
import random
import signal
import struct
import zlib
from dataclasses import dataclass
from functools import partial
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seg.data.camvid import CamVid
from seg.data.files.pairs import PairDataset, match_pairs, named_files, tolerating_lonely_files
from seg.data.labels import LabelSpace
from seg.data.quarantine import read_quarantine, without_quarantined
from seg.data.sample import Sample
from seg.preparation.verify import verify

LABELS = LabelSpace.identity(tuple("abcde"), ((1, 2, 3),) * 5, ignored=(5,))
COUNTS = {"train": 60, "val": 40}
HEIGHT, WIDTH = 48, 64
EXIF = 0x0112


def scene(rng: np.random.Generator) -> np.ndarray:
    """Sky over road as in all others, with blocks of its own."""
    image = np.repeat(np.linspace(230, 40, HEIGHT)[:, None, None], WIDTH, 1).repeat(3, 2)
    for _ in range(25):
        y, x = rng.integers(0, (HEIGHT - 8, WIDTH - 8))
        image[y : y + rng.integers(4, 16), x : x + rng.integers(4, 16)] = rng.integers(0, 256, 3)
    return image.astype(np.uint8)


def plant_clean(root: Path) -> Path:
    rng = np.random.default_rng(0)
    for split, count in COUNTS.items():
        for folder in (split, f"{split}annot"):
            (root / folder).mkdir(parents=True)
        for index in range(count):
            Image.fromarray(scene(rng)).save(root / split / f"{index:03}.png")
            label = rng.integers(0, 6, (HEIGHT, WIDTH), dtype=np.uint8)
            Image.fromarray(label).save(root / f"{split}annot" / f"{index:03}.png")
    return root


def open_splits(root: Path):
    splits, lonely = {}, {}
    for split in COUNTS:
        with tolerating_lonely_files() as lonely[split]:
            files = (named_files(root / folder) for folder in (split, f"{split}annot"))
            splits[split] = PairDataset(match_pairs(*files), labels=LABELS, split=split)
    return splits, lonely


def save(path: Path, picture, format_: str = "PNG", **options) -> None:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(path, format_, **options)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.array(picture)


def turned(orientation: int = 6) -> Image.Exif:
    tags = Image.Exif()
    tags[EXIF] = orientation
    return tags


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-300])


def flip_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def bomb(path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


def transparent(path: Path) -> None:
    picture = Image.fromarray(pixels(path)).convert("RGBA")
    picture.putpixel((3, 4), (1, 2, 3, 0))
    save(path, picture)


def wrong_values(path: Path) -> None:
    label = pixels(path)
    label[0, :7] = 77
    label[1, :2] = 200
    save(path, label)


def dangle(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere.png")


def as_jpeg(path: Path) -> None:
    save(path, pixels(path), "JPEG", quality=95)


IMAGE_FAULTS = [
    ("empty", lambda path: path.write_bytes(b"")),
    ("damaged", cut),
    ("damaged", flip_bit),
    ("not_a_picture", lambda path: path.write_text("<!DOCTYPE html><title>Sign in</title>")),
    ("missing", dangle),
    ("too_large", bomb),
    ("transparent", transparent),
    ("size_mismatch", lambda path: save(path, pixels(path)[:, 1:])),
    ("unturned_label", lambda path: save(path, pixels(path), exif=turned())),
]
LABEL_FAULTS = [
    ("empty", lambda path: path.write_bytes(b"")),
    ("damaged", cut),
    ("not_a_picture", lambda path: path.write_text("version https://git-lfs.github.com/spec/v1")),
    ("label_kind", lambda path: save(path, Image.fromarray(pixels(path)).convert("RGB"))),
    ("lossy_label", as_jpeg),
    ("orientation", lambda path: save(path, pixels(path), exif=turned())),
    ("unknown_values", wrong_values),
]
SMALL_NOTES = ("palette_label", "16-bit_label", "1-bit_label", "all_ignored", "wrong_suffix")


def plant_faults(root: Path) -> dict[tuple[str, str], str]:
    """20 faults of all kinds at places drawn by a seed: the kind by split and sample."""
    places = [("train", f"{index:03}") for index in range(60)]
    places += [("val", f"{index:03}") for index in range(40)]
    random.Random(0).shuffle(places)
    planted = {}
    for faults, ending in ((IMAGE_FAULTS, ""), (LABEL_FAULTS, "annot")):
        for kind, spoil in faults:
            split, name = places.pop()
            spoil(root / f"{split}{ending}" / f"{name}.png")
            planted[split, name] = kind
    for ending in ("", "annot"):
        split, name = places.pop()
        (root / f"{split}{ending}" / f"{name}.png").unlink()
        planted[split, name] = "no_partner"
    train = [name for split, name in places if split == "train"]
    val = [name for split, name in places if split == "val"]
    (root / f"train/{train[0]}.png").write_bytes((root / f"val/{val[0]}.png").read_bytes())
    planted["train", train[0]] = "duplicate"
    resaved = io.BytesIO()
    Image.fromarray(pixels(root / f"val/{val[1]}.png")).save(resaved, "JPEG", quality=60)
    Image.open(resaved).save(root / f"train/{train[1]}.png")
    planted["train", train[1]] = "near_duplicate"
    assert len(planted) == 20
    return planted


def plant_notes(root: Path) -> None:
    label = partial("train{}/{:03}.png".format, "annot")
    rng = np.random.default_rng(1)
    ids = rng.integers(0, 2, (HEIGHT, WIDTH), dtype=np.uint8)
    palette = Image.fromarray(ids, "L").convert("P")
    save(root / label(0), palette)
    save(root / label(1), palette)
    save(root / label(2), ids.astype(np.uint16))
    save(root / label(3), Image.fromarray(ids * 255).convert("1"))
    save(root / label(4), np.full((HEIGHT, WIDTH), 5, np.uint8))
    as_jpeg(root / "train/005.png")
    save(root / "train/006.png", np.rot90(scene(rng)).copy(), exif=turned())
    save(root / "train/007.png", scene(rng), exif=turned(3))
    (root / "train/009.png").write_bytes((root / "train/008.png").read_bytes())


def found_by(report) -> dict[tuple[str, str], str]:
    return {
        (fault.split, fault.sample or Path(fault.file).stem): fault.kind for fault in report.faults
    }


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
    assert summary.splitlines()[-1].endswith("dataset.quarantine=out/verify.json")

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
    assert {fault.kind for fault in report.faults} == {"duplicate"}


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
