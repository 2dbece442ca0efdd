"""One picture with its label map, and what a dataset promises."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from seg.data.labels import LabelSpace

IMAGE_CHANNELS = 3
"""Channels of every sample's image: RGB."""


@dataclass(frozen=True)
class Sample:
    """An image and its ground truth.

    Attributes:
        name: unique within a split; names the files written for this sample (no suffix, may hold
            `/`).
        image: uint8, H x W x 3, RGB.
        label: uint8, H x W, train ids of the dataset's `LabelSpace` or its ignore index.
    """

    name: str
    image: NDArray[np.uint8]
    label: NDArray[np.uint8]


class SegmentationDataset(Protocol):
    """What every dataset here is: a sized, indexable split with a label space."""

    labels: LabelSpace
    split: str

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...
