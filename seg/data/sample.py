"""One image with its label map, and the interfaces of datasets."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from seg.data.label_space import LabelSpace
from seg.errors import DataError

IMAGE_CHANNELS = 3
"""Channels of every sample's image: RGB."""

LEAVE_OUT = (
    "  to leave faulty samples out: python -m seg.prepare verify with the same dataset,"
    " then dataset.exclude=.../verify.json"
)
"""The remedy for samples that cannot be read, which needs no mended files."""


@contextmanager
def naming_quarantine() -> Iterator[None]:
    """Add to the `DataError` of a sample, as a note for users, how to leave the sample out."""
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
        image: H x W x C: uint8, RGB or as many bands as the dataset declares; or float32 in 0..255
            with fractions, where it declares a range of values.
        label: H x W, train ids of the dataset's `LabelSpace` or its ignore index, of its `dtype`:
            uint8, and uint16 for more than 255 classes.
    """

    name: str
    image: NDArray[Any]
    label: NDArray[Any]


class Classes(Protocol):
    """The classes of a dataset, of pixels or of whole images."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the classes."""

    def is_compatible(self, other: Any) -> bool:
        """Return whether both need the same network."""
        ...

    def to_dict(self) -> Mapping[str, Any]:
        """Return plain data for checkpoints."""
        ...


class LabelledSample(Protocol):
    """An image and its ground truth: a label map, or the classes of the whole image."""

    @property
    def name(self) -> str:
        """Return a name that is unique within the split."""

    @property
    def image(self) -> NDArray[Any]:
        """Return the image, H x W x C, in 0..255."""

    @property
    def label(self) -> NDArray[Any]:
        """Return the label map, or the classes of the whole image."""


class LabelledDataset(Protocol):
    """The interface that loaders need of a dataset, whatever its ground truth is."""

    split: str

    @property
    def labels(self) -> Classes:
        """Return the classes."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> LabelledSample: ...


class SegmentationDataset(Protocol):
    """The interface of segmentation datasets: a sized, indexable split with a label space."""

    labels: LabelSpace
    split: str

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...
