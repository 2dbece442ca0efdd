"""The base of datasets that wrap another one."""

from typing import Any

from numpy.typing import NDArray

from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.data.sample import SegmentationDataset


class DatasetView:
    """A dataset that passes on the samples of another; subclasses change them.

    Args:
        source: the wrapped dataset; its `pairs`, if it has any, are the view's, too.
    """

    def __init__(self, source: SegmentationDataset) -> None:
        self.source = source
        self.labels = source.labels
        self.split = source.split
        self.decoding: ImageDecoding = getattr(source, "decoding", PLAIN)
        pairs: Any = getattr(source, "pairs", None)
        if pairs is not None:
            self.pairs = pairs

    def __len__(self) -> int:
        return len(self.source)

    def source_label(self, index: int) -> NDArray[Any]:
        """Return the source's label, H x W; the image is decoded only where it must be."""
        read: Any = getattr(self.source, "read_label", None)
        label_HW: NDArray[Any] = read(index) if read else self.source[index].label
        return label_HW
