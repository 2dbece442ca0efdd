"""Some samples of a dataset, in a chosen order."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.sample import Sample, SegmentationDataset
from seg.data.wrappers.wrapper import DatasetView


class Subset(DatasetView):
    """The samples of a dataset at some of its positions.

    Args:
        dataset: the source; where it has `pairs`, the subset has its share of them.
        indices: positions in `dataset`, in the order of the subset; they may repeat.

    Raises:
        IndexError: a position lies outside the dataset.
    """

    def __init__(self, dataset: SegmentationDataset, indices: Sequence[int]) -> None:
        super().__init__(dataset)
        for index in indices:
            if not 0 <= index < len(dataset):
                raise IndexError(f"no sample {index} in a dataset of {len(dataset)}")
        self.indices = tuple(indices)
        if hasattr(self, "pairs"):
            self.pairs = tuple(self.pairs[index] for index in self.indices)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Sample:
        return self.source[self.indices[index]]

    def read_label(self, index: int) -> NDArray[Any]:
        """Return the label alone, H x W."""
        return self.source_label(self.indices[index])


def spread_over(length: int, count: int) -> list[int]:
    """Return at most `count` positions among `length`, evenly spread.

    The first and the last position are among them.

    Args:
        length: number of positions to choose from, 1 or more.
        count: number of positions to choose, 1 or more; a single one is the first.
    """
    places = np.unique(np.linspace(0, length - 1, count).round().astype(int))
    return [int(place) for place in places]
