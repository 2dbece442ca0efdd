"""A dataset of one image and its label, cached beside them."""

from seg.data.label_space import LabelSpace
from seg.data.readers.image_label_pairs import Pair, PairDataset
from seg.data.readers.value_range import PLAIN
from seg.data.wrappers.cached import CachedDataset

LABELS = LabelSpace.identity(("a", "b", "c"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))


def dataset_in(directory, decoding=PLAIN):
    pair = Pair("a", directory / "a.png", directory / "ids.png")
    dataset = PairDataset((pair,), labels=LABELS, split="train")
    dataset.decoding = decoding
    return CachedDataset(dataset, directory / "cache")
