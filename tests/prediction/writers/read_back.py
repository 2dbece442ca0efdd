"""Label maps with regions of all kinds, written in a format and read by the dataset of its tool."""

import numpy as np
from PIL import Image

from seg.prediction.items import Item
from tests.prediction.conftest import write
from tests.prediction.traced_maps import blobs
from tests.prediction.written_formats import NAMES, SPACE, settings

ITEM_NAMES = ("deep/a", "b")
__all__ = ["ITEM_NAMES", "NAMES", "SPACE", "drawn", "images", "items", "saved"]


def images(root):
    """Write the images of the items."""
    paths = [root / "images" / f"{name}.png" for name in ITEM_NAMES]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (120, 90), (90, 90, 90)).save(path)
    return paths


def items(root):
    return [Item(name, str(path)) for name, path in zip(ITEM_NAMES, images(root), strict=True)]


def saved(kind, root, chosen=None, **options):
    """Write label maps into `out`, also the files of all; the label maps by name."""
    chosen = chosen or settings(root / "out", **options)
    labels, done = {}, []
    for seed, item in enumerate(items(root)):
        labels[item.name] = blobs(seed)
        made, part = write(kind, chosen, item, labels[item.name])
        done.append((item, {"size": [120, 90], "parts": {made.name: part}}))
    made.merge(done)
    made.log_summary(done)
    return labels


def drawn(dataset, root, **options):
    """Read all label maps of a dataset by name, as positions in its class list."""
    read = {}
    for split in ("train", "val"):
        one = dataset(split=split, root=root, val_fraction=0.5, **options)
        read |= {pair.name: one[at].label for at, pair in enumerate(one.pairs)}
    return {name.removeprefix("images/"): np.asarray(label) for name, label in read.items()}
