"""The encoding of classes in people's own label files, configured or recognized."""

import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from seg.data.label_space import LabelSpace
from seg.data.readers.class_table import Classes
from seg.data.readers.color_labels import MIXED_COLORS_REMEDY
from seg.data.readers.image_decoding import opened
from seg.data.readers.inferred_classes import classes_of_values
from seg.data.readers.palettes import PaletteLabels
from seg.data.readers.readers import ReadLabel, read_colors, read_grey, read_label
from seg.data.readers.splits import check_choice
from seg.data.readers.urls import Location, is_remote
from seg.data.wrappers.subset import spread_over
from seg.errors import DataError

LabelKind = Literal["auto", "ids", "colours"]

_MANY_COLORS, _SHOWN_COLORS = 64, 8
_FREQUENT = 0.005  # of the pixels: more than the seams of smoothed masks have of one color
_READERS, _LOOKED_AT = 8, 16
_log = logging.getLogger(__name__)
_logged: set[Hashable] = set()
_inferred: dict[Hashable, Classes] = {}  # training and validation ask for the same


def own_labels(
    kind: LabelKind,
    *,
    named: Classes | None,
    files: Iterable[Location],
    infer: Callable[[], Classes],
) -> tuple[LabelSpace, ReadLabel]:
    """Return the label space of a dataset and the reader of its label files.

    Args:
        kind: `ids`: grey values or palette indices; `colours`: RGB or a palette's colors; `auto`:
            colors where the first readable file is RGB, else ids, but for palettes with the
            colors of the classes in another order. RGB of three equal channels is grey, unless
            the classes have colors.
        named: the classes of a class file; None: there is none.
        files: the label files.
        infer: finds the classes where no file names them.

    Raises:
        ConfigError: an unknown kind.
        DataError: no label file can be read, or labels hold colors and no file names their classes.
    """
    check_choice("dataset", "label_kind", kind, get_args(LabelKind))
    files = list(files)
    try:
        first, mode = _first_readable(files)
    except DataError:
        if kind != "ids" or named is None:
            raise
        return named.labels, read_label  # reading the samples reports it
    colored = named is not None and any(entry.color is not None for entry in named.entries)
    if kind != "colours" and not colored and _is_grey_in_channels(files, mode):
        return (named or infer()).labels, read_grey
    if kind == "ids":
        return (named or infer()).labels, read_label
    if kind == "auto" and mode not in ("RGB", "RGBA"):
        return (named or infer()).labels, _by_palette(named, first)
    if named is None:
        raise _undeclared_colors(first)
    return named.labels, named.color_labels()


def _is_grey_in_channels(files: Sequence[Location], mode: str) -> bool:
    """Return whether the first labels, which may all be black, have equal channels."""
    if mode not in ("RGB", "RGBA", "LA"):
        return False
    is_grey = False
    for position in spread_over(len(files), _LOOKED_AT):
        try:
            read_grey(files[position])
            is_grey = True
        except DataError as error:
            if error.fault in ("label_kind", "transparent"):
                return False
    return is_grey


def _by_palette(named: Classes | None, first: Location) -> ReadLabel:
    """Return the reader of ids; where classes have colors, it compares palettes with them."""
    colors = [] if named is None else [entry.color for entry in named.entries]
    if named is None or None in colors or len(set(colors)) < len(colors):
        return read_label
    reader = PaletteLabels(named)
    try:
        remark = reader.remark(first)
    except DataError:
        return reader  # reading the sample reports it
    if remark and (named.source, first) not in _logged:
        _logged.add((named.source, first))
        _log.info(remark)
    return reader


def infer_from_files(files: Sequence[Location], kind: LabelKind) -> Classes:
    """Apply `infer_classes` to label files; the result of the same files is cached.

    Raises:
        DataError: as for `infer_classes`.
    """
    key = (kind, *(_fingerprint(file) for file in files))
    return infer_classes(len(files), lambda index: read_grey(files[index]), kind=kind, key=key)


def infer_classes(
    count: int,
    read: Callable[[int], NDArray[Any]],
    *,
    kind: LabelKind,
    binary: bool = True,
    key: Hashable = None,
) -> Classes:
    """Find the classes of the values that occur in labels: `class_<id>`, and 255 is ignored.

    Labels of 0 and 255 alone are background and foreground.

    Labels are read in threads. Those that cannot be read are left out with a warning: reading them
    later reports why.

    Args:
        count: number of labels.
        read: gives the integer values of a label, H x W, by its index.
        kind: `ids`: values that look like grey levels are ids all the same.
        binary: whether 255 beside 0 alone may be a class.
        key: identifies these labels in the cache; None: they are read each time.

    Raises:
        DataError: no label can be read, fewer than two classes occur, or the values are no ids.
    """
    if key is not None and key in _inferred:
        return _inferred[key]
    labels: list[Counter[int]] = []
    faults: list[DataError] = []
    with ThreadPoolExecutor(min(_READERS, os.cpu_count() or 1)) as threads:
        for values in threads.map(lambda index: _values(read, index), range(count)):
            if isinstance(values, DataError):
                faults.append(values)
            else:
                labels.append(values)
    if faults and len(faults) == count:
        raise faults[0]
    if faults:
        _log.warning("%d labels could not be read for their classes: %s", len(faults), faults[0])
    classes = classes_of_values(
        labels, f"{count} training labels", binary=binary, grey=kind != "ids"
    )
    if key is not None:
        _inferred[key] = classes
    return classes


def _values(read: Callable[[int], NDArray[Any]], index: int) -> Counter[int] | DataError:
    """Count the pixels of each value of a label."""
    try:
        label_HW = read(index)
    except DataError as error:
        return error
    if label_HW.dtype.itemsize <= 2 and label_HW.dtype.kind == "u":
        counts = np.bincount(label_HW.ravel())
        values = np.flatnonzero(counts)
        return Counter(dict(zip(values.tolist(), counts[values].tolist(), strict=True)))
    values, counts = np.unique(label_HW, return_counts=True)
    return Counter(dict(zip(values.tolist(), counts.tolist(), strict=True)))


def _fingerprint(file: Location) -> Hashable:
    if is_remote(file):
        return file
    try:
        status = Path(file).stat()
    except OSError:
        return str(file)
    return str(file), status.st_mtime_ns, status.st_size


def _first_readable(files: Iterable[Location]) -> tuple[Location, str]:
    fault: DataError | None = None
    for file in files:
        try:
            with opened(file, "label") as label:
                return file, label.mode
        except DataError as error:
            fault = fault or error
    raise fault or DataError("there are no label files")


def _undeclared_colors(file: Location) -> DataError:
    colors, counts = np.unique(read_colors(file).reshape(-1, 3), axis=0, return_counts=True)
    frequent = colors[np.argsort(-counts, kind="stable")]
    listed_colors, whose, remedy = frequent, "those are the colors of this file", ""
    if len(colors) > _MANY_COLORS:
        count = max(int((counts > _FREQUENT * counts.sum()).sum()), 1)
        listed_colors = frequent[: min(count, _SHOWN_COLORS)]
        whose = "the most frequent ones of this file"
        remedy = f"\n  {MIXED_COLORS_REMEDY}it"
    elif len(colors) > _SHOWN_COLORS and 2 * (counts <= _FREQUENT * counts.sum()).sum() > len(
        counts
    ):
        remedy = f"\n  {MIXED_COLORS_REMEDY}it"
    listed = {f"name{number}": color for number, color in enumerate(listed_colors.tolist())}
    return DataError(
        f"{file}: label holds {len(colors)} colors, and no file tells their classes\n"
        f"  set dataset.classes to a JSON file such as {json.dumps(listed)}\n  ({whose}){remedy}",
        fault="label_kind",
    )
