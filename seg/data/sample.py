"""One picture with its label map, and what a dataset promises."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from seg.data.label_space import LabelSpace
from seg.errors import DataError

IMAGE_CHANNELS = 3
"""Channels of every sample's image: RGB."""

LEAVE_OUT = (
    "  to leave faulty samples out: python -m seg.prepare verify with the same dataset,"
    " then dataset.exclude=.../verify.json"
)
"""The way out where some samples cannot be read; it needs no mended files."""


@contextmanager
def naming_quarantine() -> Iterator[None]:
    """Let a `DataError` of one sample name the way out, as a note that `user_message` shows."""
    try:
        yield
    except DataError as error:
        error.add_note(LEAVE_OUT)
        raise


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


class Classes(Protocol):
    """What the answers of a dataset mean."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def is_compatible(self, other: Any) -> bool:
        """Whether a network for the one is a network for the other."""
        ...

    def to_dict(self) -> Mapping[str, Any]:
        """Plain data, for checkpoints."""
        ...


class LabelledSample(Protocol):
    """A picture and its answer: a label map, or what the whole picture shows."""

    @property
    def name(self) -> str: ...

    @property
    def image(self) -> NDArray[np.uint8]: ...

    @property
    def label(self) -> NDArray[Any]: ...


class LabelledDataset(Protocol):
    """What loaders need of a dataset, whatever its answers are."""

    split: str

    @property
    def labels(self) -> Classes: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> LabelledSample: ...


class SegmentationDataset(Protocol):
    """What every dataset here is: a sized, indexable split with a label space."""

    labels: LabelSpace
    split: str

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...
