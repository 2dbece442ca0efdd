"""Label maps of four classes, written in one format."""

import numpy as np

from seg.data.label_space import LabelSpace
from seg.prediction.items import Item
from tests.prediction.conftest import format_settings, write

NAMES = ("road", "sky", "car", "tree")
COLORS = ((10, 20, 30), (200, 100, 50), (0, 0, 255), (0, 255, 0))
SPACE = LabelSpace.identity(NAMES, COLORS)
SHAPE = (23, 31)
A, B = Item("deep/a", "in/deep/a.jpg"), Item("b", "in/b.png")


def label(seed=0, classes=4):
    small = np.random.default_rng(seed).integers(0, classes, (6, 8), dtype=np.uint8)
    return np.repeat(np.repeat(small, 4, 0), 4, 1)[: SHAPE[0], : SHAPE[1]]


def settings(tmp_path, labels=SPACE, **choices):
    return format_settings(tmp_path, labels, **choices)


def assembled(kind, chosen, items, label_of=label):
    """Write some items, and what is made of all; the records as the manifest has them."""
    done = []
    for seed, item in enumerate(items):
        made, part = write(kind, chosen, item, label_of(seed))
        assert all(made.path(target).is_file() for target in made.targets(item))
        done.append((item, {"size": [SHAPE[1], SHAPE[0]], "parts": {made.name: part}}))
    made.merge(done)
    assert all(made.path(target).is_file() for target in made.merged_files(items))
    return done
