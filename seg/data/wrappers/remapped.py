"""Datasets whose classes are merged, ignored or selected, or mean other outputs of a network."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.data.label_space import LabelSpace
from seg.data.sample import Sample, SegmentationDataset
from seg.data.wrappers.wrapper import DatasetView


class RemappedDataset(DatasetView):
    """The samples of a dataset in another label space.

    Args:
        dataset: whose train ids are translated.
        labels: made from the dataset's own by `LabelSpace.remapped`.
    """

    def __init__(self, dataset: SegmentationDataset, labels: LabelSpace) -> None:
        super().__init__(dataset)
        self.labels = labels
        new_id = dict(labels.file_ids)
        table = np.full(np.iinfo(dataset.labels.dtype).max + 1, labels.ignore_index, labels.dtype)
        for value, old in dataset.labels.values:
            table[old] = new_id[value]
        self._table = table

    def __getitem__(self, index: int) -> Sample:
        sample = self.source[index]
        return Sample(sample.name, sample.image, self._translate(sample.label))

    def read_label(self, index: int) -> NDArray[Any]:
        """Return the label alone, H x W."""
        return self._translate(self.source_label(index))

    def _translate(self, label_HW: NDArray[Any]) -> NDArray[Any]:
        if label_HW.dtype == np.uint8:
            return np.asarray(cv2.LUT(label_HW, self._table), self._table.dtype)
        return np.asarray(self._table[label_HW])


class RelabelledDataset(DatasetView):
    """The samples of a dataset as they are, in a label space with other outputs.

    Args:
        dataset: whose label maps are meant.
        labels: the same classes and codes.
    """

    def __init__(self, dataset: SegmentationDataset, labels: LabelSpace) -> None:
        super().__init__(dataset)
        self.labels = labels

    def __getitem__(self, index: int) -> Sample:
        return self.source[index]

    def read_label(self, index: int) -> NDArray[Any]:
        """Return the label alone, H x W."""
        return self.source_label(index)
