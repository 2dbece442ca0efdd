"""Pixel counts of the classes of a dataset: counted once, then read from `$SEG_CACHE`."""

import hashlib
import json
import logging
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.class_pixels import class_pixels
from seg.data.fingerprint import fingerprint, unwrapped
from seg.data.label_space import LabelSpace
from seg.data.loading.parallel_map import parallel_map
from seg.data.readers.dataset_root import cache_directory
from seg.data.readers.urls import is_remote
from seg.data.sample import SegmentationDataset
from seg.errors import DataError
from seg.io.atomic import staged_file
from seg.io.npz_file import read_npz

_log = logging.getLogger(__name__)
_FORMAT = 1
_HEADERS_BYTES = 2**12


@dataclass(frozen=True, eq=False)
class DatasetStatistics:
    """The pixels of N samples by class, K of them.

    Attributes:
        names: of the classes, position = train id.
        class_pixels: int64, N x K, pixels of each class in each sample.
        ignored_pixels: int64, N, pixels of each sample that are ignored.
        sizes: int64, N x 2, height and width of each sample in px.
    """

    names: tuple[str, ...]
    class_pixels: NDArray[np.int64]
    ignored_pixels: NDArray[np.int64]
    sizes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.class_pixels)

    @property
    def present(self) -> NDArray[np.bool_]:
        """Return whether each class occurs in each sample, N x K."""
        return self.class_pixels > 0

    @property
    def pixel_counts(self) -> NDArray[np.int64]:
        """Return the pixels of each class, K."""
        return np.asarray(self.class_pixels.sum(axis=0))

    @property
    def image_counts(self) -> NDArray[np.int64]:
        """Return the number of samples in which each class occurs, K."""
        return np.asarray(self.present.sum(axis=0, dtype=np.int64))

    @property
    def frequencies(self) -> NDArray[np.float64]:
        """Return the share of each class among pixels that are not ignored, K; 0 where all are."""
        counted = int(self.sizes.prod(axis=1).sum() - self.ignored_pixels.sum())
        return self.pixel_counts / max(counted, 1)


def collect(dataset: SegmentationDataset, *, num_workers: int) -> DatasetStatistics:
    """Count the pixels of every class in every sample.

    Labels alone are read where the dataset has `read_label(index)`. The result is kept in
    `$SEG_CACHE/statistics` where the dataset has `pairs` of local files, and counted again when one
    of these files, the label space or the kind of dataset has changed.

    Args:
        dataset: what to count.
        num_workers: processes that read; 0: this one.

    Raises:
        DataError: a sample cannot be read, or holds an id that is no class.
    """
    digest = digest_of(dataset)
    if digest is None:
        return _count(dataset, num_workers)
    path = cache_directory() / "statistics" / f"{digest}.npz"
    statistics = _load(path, dataset)
    if statistics is None:
        statistics = _count(dataset, num_workers)
        _store(path, statistics)
    return statistics


def of_outputs(statistics: DatasetStatistics, labels: LabelSpace) -> DatasetStatistics:
    """Return the statistics of a network's outputs from those of the classes of the labels."""
    if labels.members is None or labels.mode == "multi_label":
        return statistics
    pixels = statistics.class_pixels @ labels.members.astype(np.int64)
    return replace(statistics, names=labels.output_names, class_pixels=pixels)


def median_frequency_weights(statistics: DatasetStatistics) -> list[float]:
    """Compute loss weights by median frequency balancing.

    Eigen & Fergus, ICCV 2015, section 6.3.2. The frequency of a class is its pixels over all pixels
    of the images in which it occurs; its weight is the median of these frequencies over its own. A
    class that never occurs has no frequency: it takes no part in the median and gets weight 0,
    where the formula would give infinity. No pixel trains it, and one that occurs in validation
    leaves the loss finite.

    Returns:
        one weight a class.

    Raises:
        DataError: no class occurs at all.
    """
    occurs_K = statistics.image_counts > 0
    if not occurs_K.any():
        raise DataError(
            "class weights cannot be balanced: no pixel of the training labels has a class\n"
            "  all are ignored; check labels.ignore and the label files"
        )
    around_K = statistics.sizes.prod(axis=1) @ statistics.present
    frequencies = statistics.pixel_counts[occurs_K] / around_K[occurs_K]
    weights_K = np.zeros(len(statistics.names))
    weights_K[occurs_K] = np.median(frequencies) / frequencies
    return [float(weight) for weight in weights_K]


def _count(dataset: SegmentationDataset, num_workers: int) -> DatasetStatistics:
    num_classes = dataset.labels.num_classes
    _log.info("counting the classes of %d labels of split %s", len(dataset), dataset.split)
    rows = np.zeros((len(dataset), num_classes + 3), np.int64)
    measured = parallel_map(partial(_row, dataset), len(dataset), num_workers=num_workers)
    for index, row in enumerate(measured):
        rows[index] = row
    return DatasetStatistics(
        names=dataset.labels.names,
        class_pixels=rows[:, :num_classes],
        ignored_pixels=rows[:, num_classes],
        sizes=rows[:, num_classes + 1 :],
    )


def _row(dataset: SegmentationDataset, index: int) -> NDArray[np.int64]:
    """Return the pixels of each class, ignored pixels, height and width of a sample."""
    read_label: Any = getattr(dataset, "read_label", None)
    label_HW: NDArray[Any] = read_label(index) if read_label else dataset[index].label
    num_codes, ignore_index = dataset.labels.num_codes, dataset.labels.ignore_index
    counts = np.bincount(label_HW.ravel(), minlength=ignore_index + 1)
    ignored, counts[ignore_index] = counts[ignore_index], 0
    if counts[num_codes:].any():
        unknown = ", ".join(str(value) for value in np.flatnonzero(counts) if value >= num_codes)
        raise DataError(
            f"sample {index} of split {dataset.split!r} holds train ids {unknown}\n"
            f"  allowed: 0-{num_codes - 1}, and {ignore_index} for ignored pixels"
        )
    pixels = class_pixels(counts, dataset.labels)
    return np.array([*pixels, ignored, *label_HW.shape], np.int64)


def digest_of(dataset: SegmentationDataset) -> str | None:
    """Return a digest of all that the counts depend on; None where labels must be read for it."""
    pairs: Any = getattr(dataset, "pairs", None)
    if not pairs or len(pairs) != len(dataset) or any(is_remote(pair.label) for pair in pairs):
        return None
    try:
        files = fingerprint(dataset)
    except OSError:
        return None  # reading the samples reports it
    types = [type(each) for each in unwrapped(dataset)]
    kinds = [f"{kind.__module__}.{kind.__qualname__}" for kind in types]
    return hashlib.sha256(json.dumps([_FORMAT, kinds, files]).encode()).hexdigest()


def _load(path: Path, dataset: SegmentationDataset) -> DatasetStatistics | None:
    """Return the stored statistics; None where there are none, or damaged ones."""
    length, num_classes = len(dataset), dataset.labels.num_classes
    shapes = {
        "class_pixels": (length, num_classes),
        "ignored_pixels": (length,),
        "sizes": (length, 2),
    }
    try:
        size = length * (num_classes + 3) * 8
        stored = read_npz(path.read_bytes(), max_bytes=size + _HEADERS_BYTES)
        arrays = {name: stored[name] for name in shapes}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError) as error:
        _log.info("%s is damaged and is made again (%s)", path, error)
        return None
    if any(
        arrays[key].shape != shape or arrays[key].dtype != np.int64 for key, shape in shapes.items()
    ):
        return None
    return DatasetStatistics(names=dataset.labels.names, **arrays)


def _store(path: Path, statistics: DatasetStatistics) -> None:
    """Write the counts, whole or not at all; a full or read-only disk only costs the next run."""
    try:
        with staged_file(path) as file:
            np.savez_compressed(
                file,
                class_pixels=statistics.class_pixels,
                ignored_pixels=statistics.ignored_pixels,
                sizes=statistics.sizes,
            )
    except OSError as error:
        _log.warning("%s: statistics are not kept (%s)", path, error.strerror or error)
