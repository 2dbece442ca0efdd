"""Sets of images whose classes overlap: a red disk and a green bar, one mask file a class."""

from pathlib import Path

import numpy as np
from PIL import Image

SIZE = 64


def write_overlapping(root: Path, *, train: int = 24, val: int = 8) -> None:
    """Write `images/<split>/*.png` with `masks/<split>/<class>/*.png` of 0 and 255."""
    rng = np.random.default_rng(0)
    row, column = np.mgrid[:SIZE, :SIZE]
    for split, count in (("train", train), ("val", val)):
        for at in range(count):
            middle = rng.integers(16, 48, 2)
            disk = (row - middle[0]) ** 2 + (column - middle[1]) ** 2 < 14**2
            top = rng.integers(8, 40)
            bar = (row >= top) & (row < top + 16)
            image = rng.integers(0, 60, (SIZE, SIZE, 3)).astype(np.uint8)
            image[..., 0] += 140 * disk.astype(np.uint8)
            image[..., 1] += 140 * bar.astype(np.uint8)
            save(root / "images" / split / f"s{at}.png", image)
            for name, mask in (("disk", disk), ("bar", bar)):
                save(root / "masks" / split / name / f"s{at}.png", 255 * mask.astype(np.uint8))


def write_nested(root: Path, *, train: int = 8, val: int = 4) -> None:
    """Write `images/<split>` with `labels/<split>`: 0 background, 1 edge around 2 core."""
    rng = np.random.default_rng(0)
    row, column = np.mgrid[:SIZE, :SIZE]
    for split, count in (("train", train), ("val", val)):
        for at in range(count):
            middle = rng.integers(16, 48, 2)
            away = np.hypot(row - middle[0], column - middle[1])
            label = (away < 16).astype(np.uint8) + (away < 8)
            image = rng.integers(0, 60, (SIZE, SIZE, 3)).astype(np.uint8)
            image[..., 0] += 140 * (label > 0).astype(np.uint8)
            image[..., 1] += 140 * (label > 1).astype(np.uint8)
            save(root / "images" / split / f"s{at}.png", image)
            save(root / "labels" / split / f"s{at}.png", label.astype(np.uint8))
    (root / "classes.txt").write_text("background\nedge\ncore\n")


def save(path: Path, values: np.ndarray) -> None:
    """Write an image file, with its directory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
