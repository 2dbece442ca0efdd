"""A directory of images whose 300 classes are colors: labels of 16 bits, ids up to 299."""

import json

import numpy as np
from PIL import Image

COUNT, IGNORED = 300, 65535
_LEVELS = np.linspace(10, 245, 7).astype(np.uint8)
COLORS = np.stack(np.meshgrid(_LEVELS, _LEVELS, _LEVELS), -1).reshape(-1, 3)[:COUNT]
"""The color of each class, far from those of the others."""


def plant(root, split, *, count, blocks=(5, 8), block_px=16, border_px=0, seed=0, classes=True):
    """Write images and labels of equal names; each label is of blocks of classes.

    The first rows and `border_px` pixels along the sides of each block are ignored.
    """
    rng = np.random.default_rng(seed)
    for room in ("images", "labels"):
        (root / room / split).mkdir(parents=True, exist_ok=True)
    left = np.zeros(0, int)
    for number in range(count):
        while len(left) < blocks[0] * blocks[1]:
            left = np.concatenate([left, rng.permutation(COUNT)])
        chosen, left = np.split(left, [blocks[0] * blocks[1]])
        ids = np.kron(chosen.reshape(blocks), np.ones((block_px, block_px), int)).astype(np.uint16)
        noise = rng.integers(-6, 7, (*ids.shape, 3))
        image = (COLORS[ids] + noise).clip(0, 255).astype(np.uint8)
        rows, columns = (np.arange(side) % block_px for side in ids.shape)
        inside = range(border_px, block_px - border_px)
        ids[~(np.isin(rows, inside)[:, None] & np.isin(columns, inside))] = IGNORED
        ids[:2] = IGNORED
        Image.fromarray(image).save(root / f"images/{split}/{number:03d}.png")
        Image.fromarray(ids).save(root / f"labels/{split}/{number:03d}.png")
    if classes:
        names = [f"thing {number}" for number in range(COUNT)]
        (root / "classes.json").write_text(json.dumps(names))


def ids_of(root, split, number):
    """The values of a label file."""
    return np.asarray(Image.open(root / f"labels/{split}/{number:03d}.png")).astype(np.uint16)
