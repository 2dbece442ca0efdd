"""Pictures and labels in CamVid's layout: clean ones, and the faults that are planted in them."""

import io
import random
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from seg.data.label_space import LabelSpace
from seg.data.readers.image_label_pairs import (
    PairDataset,
    match_pairs,
    named_files,
)
from tests.data.readers.written_files import png

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
    splits = {}
    for split in COUNTS:
        files = (named_files(root / folder) for folder in (split, f"{split}annot"))
        splits[split] = PairDataset.tolerant(
            pairing=match_pairs(*files), labels=LABELS, split=split
        )
    return splits, {split: dataset.unmatched for split, dataset in splits.items()}


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
    path.write_bytes(png((60_000, 60_000, 8, 0), [bytes(999)]))


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
