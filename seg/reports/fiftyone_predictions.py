"""What the network of a run says of the pictures it is scored on."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from seg.data.label_space import LabelSpace
    from seg.data.sample import Sample


def predicted(
    run_dir: Path, split: str, plugins: Sequence[str] = ()
) -> "tuple[LabelSpace, Iterator[tuple[Sample, NDArray[np.uint8]]]]":
    """The classes of a run, and each sample of a split with its predicted class ids, H x W.

    Raises:
        ConfigError, DataError: what is wrong with the checkpoint or the dataset.
    """
    from seg.build.models import restore
    from seg.build.segmentation import checkpoint_dataset
    from seg.training.checkpoint import read_checkpoint

    checkpoint = read_checkpoint(run_dir, plugins=plugins)
    dataset = checkpoint_dataset(checkpoint, dataset={}, labels=None, split=split)
    model = restore(checkpoint)

    def pairs() -> "Iterator[tuple[Sample, NDArray[np.uint8]]]":
        for index in range(len(dataset)):
            sample = dataset[index]
            yield sample, model.predict(sample.image)

    return checkpoint.labels, pairs()
