"""Official sizes of splits: half a download is told before it is trained on."""

import logging
from pathlib import Path

_log = logging.getLogger(__name__)


def warn_if_partial(dataset_name: str, split: str, found: int, official: int, root: Path) -> None:
    """Log a warning where a split has another number of samples than the official one.

    Args:
        dataset_name: as its paper writes it, `Cityscapes`.
        split: the name of the split.
        found: its samples below `root`.
        official: the samples of the complete split.
        root: the directory of the dataset.
    """
    if found != official:
        _log.warning(
            "%s %s in %s has %d samples, the official split %d: partial download?",
            dataset_name, split, root, found, official,
        )  # fmt: skip
