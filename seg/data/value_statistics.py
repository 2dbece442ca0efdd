"""Values of the images of a split by band: moments and percentiles, counted once.

Both are exact. Mean and variance of each image are merged by the formula of Chan, Golub & LeVeque
(1979). A percentile is the smallest value that so many percent of the values do not exceed
(`inverted_cdf` of NumPy), see `radix_percentiles`.
"""

import json
import logging
import math
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.loading.parallel_map import parallel_map
from seg.data.radix_percentiles import (
    Target,
    add_counts,
    empty_histogram,
    narrowed,
    next_digits,
    num_digits,
    value_of,
)
from seg.data.readers.dataset_root import cache_directory
from seg.data.readers.readers import read_filled
from seg.data.readers.stored_decoding import StoredDecoding, StoredValues
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.data.statistics import digest_of
from seg.data.wrappers.cached import CachedDataset
from seg.errors import DataError, UserError
from seg.io.atomic import write_json

PERCENTILES = (0.5, 99.5)
"""The two that become 0 and 255 under `scaling=percentiles`."""

_log = logging.getLogger(__name__)
_FORMAT = 1


@dataclass(frozen=True)
class ValueStatistics:
    """The stored values of the pixels with data, by band.

    Attributes:
        kind: their type, a name of numpy's.
        count: pixels.
        mean, std: of each band; the standard deviation of all values, not of a sample of them.
        low, high: the `PERCENTILES` of each band.
    """

    kind: str
    count: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class _Measured:
    """An image: type, moments by band, and of each target how often each digit occurs."""

    kind: str
    count: int
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]
    digits: list[tuple[NDArray[Any], NDArray[Any]]]


def count_values(dataset: Any, *, num_workers: int, tolerant: bool = False) -> ValueStatistics:
    """Count the values of the images of a split as its `decoding` declares them.

    The result is kept in `$SEG_CACHE/statistics` as class counts are.

    Args:
        dataset: a split of image files.
        num_workers: processes that read; 0: this one.
        tolerant: leave out images that cannot be read.

    Raises:
        DataError: an image cannot be read, images are of several types or numbers of bands, or
            there is nothing to count.
    """
    digest = None if tolerant else digest_of(dataset)
    path = cache_directory() / "statistics" / f"values_{digest}.json"
    known = _load(path) if digest is not None else None
    if known is not None:
        return known
    _log.info("counting the values of %d images of split %s", len(dataset), dataset.split)
    counted = _Counter(dataset, num_workers, tolerant).count()
    if digest is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, {"format": _FORMAT, **asdict(counted)})
        except OSError as error:
            _log.warning("%s: statistics are not kept (%s)", path, error.strerror or error)
    return counted


def first_kind(dataset: Any) -> str | None:
    """Return the type of the stored values of a split's first image; None: it stores none.

    Raises:
        DataError: it cannot be read.
    """
    if not len(dataset) or not hasattr(dataset, "decoding"):
        return None
    captured = _captured(dataset, 0)
    return captured[0].dtype.name if captured else None


class _Counter:
    def __init__(self, dataset: Any, num_workers: int, tolerant: bool) -> None:
        self._dataset, self._num_workers, self._tolerant = dataset, num_workers, tolerant

    def count(self) -> ValueStatistics:
        count, mean, squares, kind = 0, np.zeros(0), np.zeros(0), ""
        histograms: list[NDArray[np.int64]] = []
        for index, each in self._measure(None, 0):
            if not kind:
                kind, bands = each.kind, len(each.mean)
                mean, squares = np.zeros(bands), np.zeros(bands)
                histograms = [empty_histogram(kind) for _ in range(bands)]
            if (each.kind, len(each.mean)) != (kind, len(mean)):
                raise self._mixed(index, each, kind, len(mean))
            if not each.count:
                continue
            total = count + each.count
            step = each.mean - mean
            squares += each.squares + step**2 * (count * each.count / total)
            mean += step * (each.count / total)
            count = total
            add_counts(histograms, each.digits)
        if not count:
            raise DataError(
                f"split {self._dataset.split!r}: no values to count: no image file holds pixels"
                " with data"
            )
        low, high = self._percentiles(kind, count, histograms)
        std = np.sqrt(squares / count)
        return ValueStatistics(kind, count, tuple(mean.tolist()), tuple(std.tolist()), low, high)

    def _percentiles(
        self, kind: str, count: int, histograms: list[NDArray[np.int64]]
    ) -> tuple[tuple[float, ...], tuple[float, ...]]:
        ranks = [max(1, math.ceil(share * count / 100)) for share in PERCENTILES]
        targets = [Target(band, 0, rank) for rank in ranks for band in range(len(histograms))]
        targets = [narrowed(each, histograms[each.band], kind) for each in targets]
        for known in range(1, num_digits(kind)):
            histograms = [empty_histogram(kind) for _ in targets]
            for _, each in self._measure(targets, known):
                add_counts(histograms, each.digits)
            targets = [narrowed(*each, kind) for each in zip(targets, histograms, strict=True)]
        values = [value_of(each.prefix, kind) for each in targets]
        half = len(values) // 2
        return tuple(values[:half]), tuple(values[half:])

    def _measure(
        self, targets: Sequence[Target] | None, known: int
    ) -> Iterator[tuple[int, _Measured]]:
        measure = partial(_measure, self._dataset, targets, known, self._tolerant)
        measured = parallel_map(measure, len(self._dataset), num_workers=self._num_workers)
        return ((index, each) for index, each in enumerate(measured) if each is not None)

    def _mixed(self, index: int, found: _Measured, kind: str, bands: int) -> DataError:
        pairs = getattr(self._dataset, "pairs", None)
        name = pairs[index].image if pairs else f"sample {index} of {self._dataset.split}"
        return DataError(
            f"{name}: image holds {len(found.mean)} bands of {found.kind}, and those before it"
            f" {bands} of {kind}\n  values are counted of images of one kind: convert this one,"
            " or leave it out",
            fault="image_kind",
        )


def _measure(
    dataset: Any, targets: Sequence[Target] | None, known: int, tolerant: bool, index: int
) -> _Measured | None:
    """Measure an image; without targets its moments and the highest digits of all bands."""
    try:
        values_BN = _stored_values(dataset, index)
    except UserError:
        if tolerant:
            return None
        raise
    kind, count = values_BN.dtype.name, values_BN.shape[1]
    if targets is not None:
        digits = [next_digits(values_BN[each.band], each.prefix, known) for each in targets]
        return _Measured(kind, count, np.zeros(0), np.zeros(0), digits)
    precise = values_BN.astype(np.float64)
    mean = precise.mean(1) if count else np.zeros(len(precise))
    squares = np.square(precise - mean[:, None]).sum(1)
    return _Measured(kind, count, mean, squares, [next_digits(each, 0, 0) for each in values_BN])


def _stored_values(dataset: Any, index: int) -> NDArray[Any]:
    """Return the values of the pixels with data of an image, bands x N."""
    captured = _captured(dataset, index)
    if len(captured) != 1:
        raise DataError(
            f"sample {index} of split {dataset.split!r} has no stored values to count: it is made"
            " of no file, or of colors of a palette\n  leave dataset.scaling out"
        )
    return captured[0]


def _captured(dataset: Any, index: int) -> list[NDArray[Any]]:
    stored = StoredDecoding.of(getattr(dataset, "decoding", PLAIN))
    pairs = getattr(dataset, "pairs", None)
    if pairs is not None:
        read_filled(pairs[index].image, stored)
    else:
        _with_decoding(dataset, stored)[index]
    return [_by_band(each) for each in stored.captured]


def _by_band(stored: StoredValues) -> NDArray[Any]:
    """Return the values of the pixels with data, bands x N, in this machine's byte order."""
    values, _, lacks_data_HW = stored
    bands = 1 if values.ndim == 2 else values.shape[2]
    chosen = values if lacks_data_HW is None else values[~lacks_data_HW]
    return chosen.reshape(-1, bands).T.astype(values.dtype.newbyteorder("="), order="C")


def _with_decoding(dataset: Any, decoding: ImageDecoding) -> Any:
    """Return a copy of a dataset, and of those that it wraps, with another decoding."""
    if isinstance(dataset, CachedDataset):
        return _with_decoding(dataset.source, decoding)
    twin = copy(dataset)
    if hasattr(twin, "source"):
        twin.source = _with_decoding(twin.source, decoding)
    twin.decoding = decoding
    return twin


def _load(path: Path) -> ValueStatistics | None:
    """Return what was counted before; None where that is nothing, or damaged."""
    try:
        plain = json.loads(path.read_text("utf-8"))
        if plain.pop("format") != _FORMAT:
            return None
        lists = {key: tuple(map(float, plain[key])) for key in ("mean", "std", "low", "high")}
        return ValueStatistics(
            kind=np.dtype(plain["kind"]).name, count=int(plain["count"]), **lists
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        _log.info("%s is damaged and is made again (%s)", path, error)
        return None
