"""Pictures without labels."""

from pathlib import Path

import numpy as np

from seg.data.label_space import LabelSpace
from seg.data.readers.image_label_pairs import named_files
from seg.data.readers.readers import read_image
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.data.sample import Sample
from seg.errors import DataError


class Unlabelled:
    """All pictures of a folder and its subfolders; a `SegmentationDataset` that knows no classes.

    The label of every sample is class 0 throughout, so that after an augmentation the pixels
    outside the picture are those that are ignored.

    Args:
        folder: where the pictures lie.
        labels: the label space of those who learn from them.
        decoding: what is declared about the values of images.

    Raises:
        DataError: no such folder, or no picture in it.
    """

    split = "unlabelled"

    def __init__(
        self, folder: str | Path, *, labels: LabelSpace, decoding: ImageDecoding = PLAIN
    ) -> None:
        where = Path(folder).expanduser()
        if not where.is_dir():
            raise DataError(f"{where}: no such folder; give one that holds pictures")
        self.labels = labels
        self.decoding = decoding
        self._files = tuple(named_files(where, pattern="**/*").items())

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Sample:
        """Read one picture.

        Raises:
            IndexError: there is no such sample.
            DataError: the file is missing or damaged.
        """
        name, path = self._files[index]
        image = read_image(path, decoding=self.decoding)
        return Sample(name, image, np.zeros(image.shape[:2], np.uint8))
