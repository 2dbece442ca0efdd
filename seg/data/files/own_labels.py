"""How the label files of people's own data store classes, and which: told, or found out."""

import json
import logging
import os
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from seg.data.choices import check_choice
from seg.data.files.classes import ClassEntry, Classes, make_classes
from seg.data.files.locations import Location, is_remote
from seg.data.files.pictures import opened
from seg.data.files.reading import ReadLabel, read_colours, read_label
from seg.data.labels import LabelSpace
from seg.errors import DataError

LabelKind = Literal["auto", "ids", "colours"]

_IGNORED = 255
_LARGEST_ID = 65535
_MANY_COLOURS = 64
_READERS = 8
_log = logging.getLogger(__name__)
_inferred: dict[Hashable, Classes] = {}  # training and validation ask for the same


def own_labels(
    kind: LabelKind,
    *,
    told: Classes | None,
    files: Iterable[Location],
    infer: Callable[[], Classes],
) -> tuple[LabelSpace, ReadLabel]:
    """The label space of a dataset, and how to read its label files.

    Args:
        kind: `ids`: grey values or palette indices; `colours`: RGB or a palette's colours; `auto`:
            colours where the first readable file is RGB, else ids.
        told: the classes, where a file tells them.
        files: the label files.
        infer: finds the classes where none tells them.

    Raises:
        ConfigError: an unknown kind.
        DataError: no label file can be read, or labels hold colours and nothing tells whose.
    """
    check_choice("dataset", "label_kind", kind, get_args(LabelKind))
    if kind == "ids":
        return (told or infer()).labels, read_label
    first, mode = _first_readable(files)
    if kind == "auto" and mode not in ("RGB", "RGBA"):
        return (told or infer()).labels, read_label
    if told is None:
        raise _untold_colours(first)
    return told.labels, told.colour_labels()


def infer_from_files(files: Sequence[Location]) -> Classes:
    """`infer_classes` from label files; those that were read before in this process are not again.

    Raises:
        DataError: as for `infer_classes`.
    """
    key = tuple(_fingerprint(file) for file in files)
    return infer_classes(len(files), lambda index: read_label(files[index]), key=key)


def infer_classes(
    count: int, read: Callable[[int], NDArray[Any]], *, key: Hashable = None
) -> Classes:
    """The classes `class_<id>` of the ids that occur in labels; 255 is ignored.

    Labels are read in threads. Those that cannot be read are left out with a warning: whoever reads
    them later is told why.

    Args:
        count: of the labels.
        read: gives the integer values of a label, H x W, by its index.
        key: what stands for these labels; None: they are read each time.

    Raises:
        DataError: no label can be read, or the values are no class ids.
    """
    if key is not None and key in _inferred:
        return _inferred[key]
    ids: set[int] = set()
    faults: list[DataError] = []
    with ThreadPoolExecutor(min(_READERS, os.cpu_count() or 1)) as threads:
        for found in threads.map(lambda index: _values(read, index), range(count)):
            if isinstance(found, DataError):
                faults.append(found)
            else:
                ids |= found
    if faults and len(faults) == count:
        raise faults[0]
    if faults:
        _log.warning("%d labels could not be read for their classes: %s", len(faults), faults[0])
    classes = _classes(ids, count)
    if key is not None:
        _inferred[key] = classes
    return classes


def _values(read: Callable[[int], NDArray[Any]], index: int) -> set[int] | DataError:
    try:
        label_HW = read(index)
    except DataError as error:
        return error
    if label_HW.dtype.itemsize <= 2 and label_HW.dtype.kind == "u":
        return set(np.flatnonzero(np.bincount(label_HW.ravel())).tolist())
    return set(np.unique(label_HW).tolist())


def _classes(ids: set[int], count: int) -> Classes:
    source = f"{count} training labels"
    ordered = sorted(ids - {_IGNORED})
    if ordered and (ordered[0] < 0 or ordered[-1] > _LARGEST_ID):
        raise DataError(
            f"{source} hold values from {ordered[0]} to {ordered[-1]}, not class ids\n"
            f"  class ids are 0 to {_LARGEST_ID}"
        )
    if not ordered or len(ordered) > _IGNORED:
        raise DataError(
            f"{source} hold {len(ordered)} different ids beside 255 (ignored): no class ids?\n"
            "  name the classes in a JSON file (dataset.classes)"
        )
    _log.info(
        "classes inferred from %s: %d ids: %s%s; a JSON file (dataset.classes) gives them names",
        source, len(ordered), ", ".join(map(str, ordered)),
        "; 255 is ignored" if _IGNORED in ids else "",
    )  # fmt: skip
    return make_classes([ClassEntry(f"class_{id_}", id_) for id_ in ordered], source)


def _fingerprint(file: Location) -> Hashable:
    if is_remote(file):
        return file
    try:
        facts = Path(file).stat()
    except OSError:
        return str(file)
    return str(file), facts.st_mtime_ns, facts.st_size


def _first_readable(files: Iterable[Location]) -> tuple[Location, str]:
    fault: DataError | None = None
    for file in files:
        try:
            with opened(file, "label") as label:
                return file, label.picture.mode
        except DataError as error:
            fault = fault or error
    raise fault or DataError("there are no label files")


def _untold_colours(file: Location) -> DataError:
    colours = np.unique(read_colours(file).reshape(-1, 3), axis=0).tolist()
    listed = {f"name{number}": colour for number, colour in enumerate(colours)}
    shown = f"{json.dumps(listed)}\n  (those are the colours of this file)"
    if len(colours) > _MANY_COLOURS:
        shown = '{"road": [128, 64, 128], ...}'
    return DataError(
        f"{file}: label holds {len(colours)} colours, and no file tells their classes\n"
        f"  set dataset.classes to a JSON file such as {shown}",
        fault="label_kind",
    )
