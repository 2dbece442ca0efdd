"""Images without labels."""

from pathlib import Path

import numpy as np

from seg.data.label_space import LabelSpace
from seg.data.readers.image_label_pairs import named_files
from seg.data.readers.readers import read_filled
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.data.sample import Sample
from seg.errors import DataError


class Unlabelled:
    """All images below a directory; a `SegmentationDataset` without ground truth.

    The label of every sample is class 0 throughout, so that after an augmentation the pixels
    outside the image, and those without data, are those that are ignored.

    Args:
        directory: of the images, at any depth.
        labels: the label space of the training run.
        decoding: the declared range and bands of their values.

    Raises:
        DataError: no such directory, or no image in it.
    """

    split = "unlabelled"

    def __init__(
        self, directory: str | Path, *, labels: LabelSpace, decoding: ImageDecoding = PLAIN
    ) -> None:
        where = Path(directory).expanduser()
        if not where.is_dir():
            raise DataError(f"{where}: no such directory; give one that holds images")
        self.labels = labels
        self.decoding = decoding
        self._files = tuple(named_files(where, pattern="**/*").items())

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Sample:
        """Read one image.

        Raises:
            IndexError: there is no such sample.
            DataError: the file is missing or damaged.
        """
        name, path = self._files[index]
        image_HWC, lacks_data_HW = read_filled(path, self.decoding)
        label_HW = np.zeros(image_HWC.shape[:2], self.labels.dtype)
        if lacks_data_HW is not None:
            label_HW[lacks_data_HW] = self.labels.ignore_index
        return Sample(name, image_HWC, label_HW)
