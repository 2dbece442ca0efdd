"""Checks that labels hold classes alone, before hours are spent on a training."""

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

import numpy as np

from seg.data.datasets.hf_dataset import HfDataset
from seg.data.fingerprint import unwrapped
from seg.data.label_space import LabelSpace
from seg.data.sample import LEAVE_OUT, SegmentationDataset
from seg.data.wrappers.subset import spread_over
from seg.errors import DataError

log = logging.getLogger(__name__)
UNKNOWN = ("unknown_values", "unknown_colors", "label_kind", "lossy_label")
"""The faults of labels with values that are no class, or that cannot be one."""

_MAX_LABELS = 300
_MAX_SECONDS = 20.0
_READERS = 8


def check_label_ids(
    dataset: SegmentationDataset, training: frozenset[int] = frozenset()
) -> frozenset[int]:
    """Read labels spread evenly over a split and check their values against its classes.

    At most 300 labels are read, for at most 20 s. Datasets that are not made of files or rows are
    not checked. Labels that cannot be read are skipped: reading the sample reports them.

    Args:
        dataset: a split.
        training: the values in the labels of the training split, where this is another split.

    Returns:
        the train ids and ignored values that occur; empty where no label was read.

    Raises:
        DataError: labels hold values that are no class (their number, the first of them and the
            remedy); no label of a split holds a class, or those of the training split hold a
            single class; or those of another split hold one class and ignored pixels, which the
            training split lacks.
    """
    read: Any = getattr(dataset, "read_label", None)
    innermost = list(unwrapped(dataset))[-1]
    if read is None or not (hasattr(innermost, "pairs") or isinstance(innermost, HfDataset)):
        return frozenset()
    indices = spread_over(len(dataset), _MAX_LABELS)
    started_at = monotonic()

    def values_of(index: int) -> frozenset[int] | DataError | None:
        """Return the values of a label, or why it cannot be read; None when time is up."""
        if monotonic() - started_at > _MAX_SECONDS:
            return None
        try:
            return frozenset(np.flatnonzero(np.bincount(read(index).ravel())).tolist())
        except DataError as error:
            return error

    with ThreadPoolExecutor(min(_READERS, os.cpu_count() or 1)) as threads:
        results = list(threads.map(values_of, indices))
    unknown = [each for each in results if isinstance(each, DataError) and each.fault in UNKNOWN]
    if unknown:
        raise _unknown_class_error(dataset.split, unknown, len(indices))
    labels = [each for each in results if isinstance(each, frozenset)]
    values = frozenset[int]().union(*labels)
    if len(labels) == len(dataset) and dataset.split == "train":
        _refuse_one_class(values, dataset.labels)
    elif labels and values <= {dataset.labels.ignore_index}:
        read_labels = f"{len(labels)} labels, spread over {len(dataset)}"
        error = all_ignored_error(dataset.split, read_labels)
        if len(labels) == len(dataset):
            raise error
        log.warning("%s", error)
    if training:
        _refuse_other_values(dataset, values, training)
    return values


def all_ignored_error(split: str, read: str) -> DataError:
    """Return the error for a split of which what was `read` holds ignored pixels alone."""
    what = "nothing can be learned" if split == "train" else "nothing can be scored"
    return DataError(
        f"split {split!r}: no pixel of {read} counts, all are ignored: {what}\n"
        "  look at the labels (python -m seg.prepare verify), at the ignored values of "
        "dataset.classes, and at labels.ignore, labels.keep and augmentation.crop",
        fault="all_ignored",
    )


def _refuse_other_values(
    dataset: SegmentationDataset, values: frozenset[int], training: frozenset[int]
) -> None:
    """Raise where masks of 0 and 255 are scored by a network that learns from 0 and 1."""
    ignored = dataset.labels.ignore_index
    if ignored in training or ignored not in values or len(values) > 2 or len(training) < 2:
        return
    names = [dataset.labels.code_name(id_) for id_ in values - {ignored}]
    raise DataError(
        f"split {dataset.split!r}: its labels hold {names[0] if names else 'nothing'!r} and ignored"
        f" pixels ({ignored}) alone, the training labels no ignored pixel\n"
        "  are these masks of 0 and 255, and those for training of 0 and 1? Write them in one way",
        fault="label_kind",
    )


def _refuse_one_class(values: frozenset[int], labels: LabelSpace) -> None:
    present = [labels.code_name(id_) for id_ in sorted(values - {labels.ignore_index})]
    if len(present) > 1:
        return
    content = f"pixels of {present[0]!r} alone" if present else "no pixel of any class"
    beside = ""
    if labels.ignore_index in values:
        beside = (
            ", all others are ignored\n  masks of 0 and 255 need a class file that names both"
            ' values: {"0": "background", "255": "foreground"};'
        )
    raise DataError(
        f"the training labels hold {content}: nothing can be learned{beside}\n"
        "  look at them (python -m seg.prepare verify), and at labels.* and dataset.classes",
        fault="one_class",
    )


def _unknown_class_error(split: str, faults: Sequence[DataError], looked_at: int) -> DataError:
    example = "\n  ".join(line.strip() for line in str(faults[0]).splitlines()[:2])
    return DataError(
        f"split {split!r}: {len(faults)} of {looked_at} labels hold what is no class, such as\n"
        f"  {example}\n"
        "  correct them, or name every class of all splits in classes.json (dataset.classes)\n"
        f"{LEAVE_OUT}",
        fault=faults[0].fault,
        values=faults[0].values,
    )
