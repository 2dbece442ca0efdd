"""One image with its class or classes, and the interface of datasets of such images."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.readers import read_filled
from seg.data.readers.urls import Location
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.errors import DataError


@dataclass(frozen=True)
class ClassNames:
    """The classes that a whole image may be of; a class is its position in `names`.

    Attributes:
        names: class names.
        multi_label: whether an image may be of several classes, or of none.

    Raises:
        DataError: fewer than two names, or one that repeats.
    """

    names: tuple[str, ...]
    multi_label: bool = False

    def __post_init__(self) -> None:
        if len(self.names) < 2:
            raise DataError(
                f"classification_dataset: {len(self.names)} classes; two or more are needed"
            )
        if len(set(self.names)) < len(self.names):
            raise DataError("classification_dataset: two classes have one name; rename one")

    @property
    def num_classes(self) -> int:
        """Return the number of classes."""
        return len(self.names)

    def is_compatible(self, other: Any) -> bool:
        """Return whether both need the same network."""
        return bool(self == other)

    def to_dict(self) -> Mapping[str, Any]:
        """Return plain data for checkpoints."""
        return {"names": list(self.names), "multi_label": self.multi_label}

    def label(self, classes: Collection[int]) -> NDArray[Any]:
        """Return the label of classes: int64 (), or with several labels float32 (num_classes,)."""
        if not self.multi_label:
            (only,) = classes
            return np.array(only, np.int64)
        label_K = np.zeros(self.num_classes, np.float32)
        label_K[list(classes)] = 1
        return label_K


@dataclass(frozen=True)
class ClassifiedImage:
    """An image and its class or classes.

    Attributes:
        name: unique within a split.
        image: H x W x C, as the data set declares its image files.
        label: of `ClassNames.label`.
    """

    name: str
    image: NDArray[Any]
    label: NDArray[Any]


class ImageDataset(Protocol):
    """The interface of classification datasets: a sized, indexable split with its classes."""

    split: str

    @property
    def labels(self) -> ClassNames:
        """Return the classes."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> ClassifiedImage: ...


@dataclass(frozen=True)
class ImageFile:
    """An image file and the classes of its image."""

    name: str
    location: Location
    classes: tuple[int, ...]


class ImageFiles:
    """Images read from files; an `ImageDataset`.

    Names, locations and classes lie in a few arrays: of a million objects, each loading process
    would in time hold a copy.

    Args:
        files: in the order of the dataset.
        labels: what their classes are.
        split: name of the split, for messages.

    Raises:
        DataError: there are no files.
    """

    def __init__(self, files: Iterable[ImageFile], *, labels: ClassNames, split: str) -> None:
        listed = list(files)
        if not listed:
            raise DataError(
                f"classification_dataset: split {split!r} is empty: no images were found"
            )
        self.labels = labels
        self.split = split
        self.decoding: ImageDecoding = PLAIN  # until it is declared
        self._names = _packed([file.name for file in listed])
        self._locations = _packed([str(file.location) for file in listed])
        self._classes = np.array([each for file in listed for each in file.classes], np.int64)
        self._ends = np.cumsum([len(file.classes) for file in listed])

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> ClassifiedImage:
        """Read one image.

        Raises:
            IndexError: there is no such image.
            DataError: its file is missing or damaged.
        """
        image_HWC, _ = read_filled(self._locations[index].decode(), self.decoding)
        end = self._ends[index]
        start = self._ends[index - 1] if index % len(self) else 0
        label = self.labels.label(self._classes[start:end].tolist())
        return ClassifiedImage(self.name(index), image_HWC, label)

    def name(self, index: int) -> str:
        """Return the name of a sample; its file is not opened."""
        name: str = self._names[index].decode()
        return name


def _packed(texts: Sequence[str]) -> NDArray[np.bytes_]:
    return np.array([text.encode() for text in texts], np.bytes_)
