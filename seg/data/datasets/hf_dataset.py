"""Datasets of the Hugging Face Hub, or local ones that its library `datasets` reads."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.label_space import LabelSpace
from seg.data.readers.class_entry import ClassEntry
from seg.data.readers.class_table import Classes, find_classes, make_classes
from seg.data.readers.image_decoding import opened
from seg.data.readers.label_encoding import LabelKind, infer_classes, own_labels
from seg.data.readers.readers import ReadLabel, read_grey, read_label, read_pair
from seg.data.readers.urls import Location, in_memory_file
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.data.sample import Sample, naming_quarantine
from seg.errors import ConfigError, DataError

_INSTALL = "pip install 'seg-xception[hub]'"
_FIRST_WITHOUT_SCRIPTS = 4  # from this major version on, `datasets` runs no code of a dataset
_IGNORED = 255


class HfDataset:
    """One split of a dataset with a column of images and a column of labels.

    Images are decoded by the strict readers here, not by `datasets`; no code of the dataset is
    run. Labels are images, or H x W lists of ids.

    Args:
        split: `train`, `val` or `test`.
        name: `OWNER/NAME` on the Hub, or a local directory (Parquet files, imagefolder).
        config_name: which of its configurations; None: its only or default one.
        revision: branch, tag or commit; None: the newest.
        image_column, label_column: the two columns.
        train_split, val_split, test_split: names of the splits in the dataset; parts such as
            `train[:90%]` are allowed. None: it has no such split.
        classes: a JSON file (its forms: `class_table.read_classes`, `id2label.json`
            among them); None: the names that the label column declares, else the ids that occur in
            the training labels.
        label_kind: `ids`, `colours` or `auto`, which looks at a label.
        reduce_zero_label: ignore the file value 0 and count the others from 0 on, as ADE20K wants.

    Raises:
        ConfigError: an option is wrong, or `datasets` is not installed.
        DataError: the dataset cannot be loaded.
    """

    def __init__(
        self,
        *,
        split: str,
        name: str | None = None,
        config_name: str | None = None,
        revision: str | None = None,
        image_column: str = "image",
        label_column: str = "label",
        train_split: str | None = "train",
        val_split: str | None = "validation",
        test_split: str | None = "test",
        classes: str | Path | None = None,
        label_kind: LabelKind = "auto",
        reduce_zero_label: bool = False,
    ) -> None:
        if not name:
            raise ConfigError("dataset.name: give OWNER/NAME of the Hub, or a local directory")
        parts = {"train": train_split, "val": val_split, "test": test_split}
        self.split = split
        self.decoding: ImageDecoding = PLAIN  # until it is declared
        self._columns = (image_column, label_column)
        table, part = (name, config_name, revision), split_name(parts, split)
        self._where = f"{name}, split {part}"
        self._rows = load_rows(table, part, self._columns)
        feature = self._rows.features[label_column]
        names, _ = declared_names(feature)  # of a column of lists; one of images declares none
        declared = None
        if names is not None:
            entries = [ClassEntry(each, id_) for id_, each in enumerate(names)]
            declared = make_classes(entries, self._where)
        self._read: ReadLabel = read_grey  # until the kind of the labels is known

        def infer() -> Classes:
            training = split_name(parts, "train")
            rows = load_rows(table, training, self._columns)
            return infer_classes(
                len(rows),
                lambda at: self._inferable(rows[at], at, reduce_zero_label),
                kind=label_kind,
                binary=not reduce_zero_label,
                key=(*table, training, label_column, reduce_zero_label, label_kind),
            )

        named = find_classes(classes, None) or declared
        self._arrays = declared is not None or not _holds_files(feature)
        if self._arrays:
            self._read = read_label
            labels = (named or infer()).labels
        else:
            first = self._first_readable()
            with self._label(self._rows[first], first) as (location, _):
                labels, self._read = own_labels(
                    label_kind, named=named, files=[location], infer=infer
                )
        self.labels = self._reduced(labels) if reduce_zero_label else labels

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Sample:
        """Read one sample.

        Raises:
            IndexError: there is no such row.
            DataError: a cell is empty or damaged, sizes differ, or a label value is unknown.
        """
        row = self._rows[index]
        where = self._cell(index, 0)
        with (
            naming_quarantine(),
            located(row[self._columns[0]], where) as image,
            self._label(row, index) as label,
        ):
            image_HWC, file_label_HW, lacks_data_HW = read_pair(image, *label, self.decoding)
            label_HW = self.labels.encode(file_label_HW, label[0])
        if lacks_data_HW is not None:
            label_HW[lacks_data_HW] = self.labels.ignore_index
        return Sample(f"{index % len(self):06d}", image_HWC, label_HW)

    def read_label(self, index: int) -> NDArray[Any]:
        """Return the label of one sample, H x W.

        Raises:
            IndexError, DataError: as for a sample.
        """
        if self.decoding.nodata is not None:
            return self[index].label
        with naming_quarantine(), self._label(self._rows[index], index) as (location, read):
            return self.labels.encode(read(location), location)

    @contextmanager
    def _label(self, row: dict[str, Any], index: int) -> Iterator[tuple[Location, ReadLabel]]:
        """Give the label of a row a location while the block lasts, with its reader."""
        value, where = row[self._columns[1]], self._cell(index, 1)
        if self._arrays:
            yield where, lambda _: _array(value, where)
        else:
            with located(value, where) as location:
                yield location, self._read

    def _cell(self, index: int, column: int) -> str:
        return f"{self._where}, row {index}, column {self._columns[column]!r}"

    def _inferable(self, row: dict[str, Any], index: int, reduce: bool) -> NDArray[Any]:
        with self._label(row, index) as (location, read):
            label_HW = read(location)
        if not reduce:
            return label_HW
        values: NDArray[np.int64] = label_HW.astype(np.int64)
        if values.max(initial=0) > _IGNORED:  # 255 is a class
            return np.asarray(values[values != 0] - 1)
        return np.where((values == 0) | (values == _IGNORED), _IGNORED, values - 1)

    def _first_readable(self) -> int:
        """Return the position of the first label whose header can be read, else 0."""
        for index in range(len(self)):
            try:
                with self._label(self._rows[index], index) as (at, _), opened(at, "label"):
                    return index
            except DataError:
                continue
        return 0

    def _reduced(self, labels: LabelSpace) -> LabelSpace:
        if self._read not in (read_label, read_grey):
            raise ConfigError("dataset.reduce_zero_label is for ids; these labels hold colors")
        ignored = labels.ignore_index
        ids = {value + 1: train_id for value, train_id in labels.file_ids if value < ignored - 1}
        ids |= {0: ignored, ignored: ignored}
        return LabelSpace(labels.names, labels.palette, tuple(sorted(ids.items())), ignored)


def split_name(parts: Mapping[str, str | None], split: str, *, section: str = "dataset") -> str:
    """Return the dataset's own name of a split.

    Raises:
        ConfigError: it has none.
    """
    part = parts.get(split)
    if part is None:
        known = ", ".join(key for key, value in parts.items() if value is not None)
        raise ConfigError(
            f"the dataset has no split {split!r}; allowed: {known}\n"
            f"  {section}.train_split, {section}.val_split and {section}.test_split name them"
        )
    return part


def load_rows(
    table: tuple[str, str | None, str | None], part: str, columns: tuple[str, str]
) -> Any:
    """Load the rows of a split, with the two columns as stored; no code of the dataset is run.

    Args:
        table: name, configuration and revision.
        part: of the dataset, such as `train[:90%]`.
        columns: of images and of labels.

    Raises:
        ConfigError: `datasets` is missing, or a column.
        DataError: the dataset cannot be loaded, or is empty.
    """
    try:
        import datasets
    except ImportError as error:
        raise ConfigError(f"dataset=hf_dataset needs the package datasets: {_INSTALL}") from error
    if int(datasets.__version__.partition(".")[0]) < _FIRST_WITHOUT_SCRIPTS:
        raise ConfigError(
            f"datasets {datasets.__version__} may run code of a dataset; upgrade it: {_INSTALL}"
        )
    name, config_name, revision = table
    try:
        rows = datasets.load_dataset(name, config_name, revision=revision, split=part)
    except Exception as error:  # network, Hub, formats and caches raise nearly anything
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{name}, split {part}: cannot be loaded: {reason}\n"
            "  dataset.name, config_name, revision and train_split, val_split, test_split say what"
            " is loaded"
        ) from error
    missing = [column for column in columns if column not in rows.column_names]
    if missing:
        raise ConfigError(
            f"{name} has no column {missing[0]!r}; its columns: {', '.join(rows.column_names)}\n"
            "  dataset.image_column and dataset.label_column name the two"
        )
    if not len(rows):
        raise DataError(f"{name}, split {part}: holds no rows")
    rows = rows.select_columns(list(dict.fromkeys(columns)))
    for column in columns:
        if isinstance(rows.features[column], datasets.Image):
            rows = rows.cast_column(column, datasets.Image(decode=False))
    return rows


def _holds_files(feature: Any) -> bool:
    import datasets

    return isinstance(feature, datasets.Image) or getattr(feature, "dtype", "") == "binary"


def declared_names(feature: Any) -> tuple[list[str] | None, bool]:
    """Return the class names that a column declares, if any, and whether it holds lists."""
    holds_lists = hasattr(feature, "feature")
    while hasattr(feature, "feature"):
        feature = feature.feature
    return getattr(feature, "names", None), holds_lists


@contextmanager
def located(value: Any, where: str) -> Iterator[Location]:
    """Give the image of a cell a location while the block lasts.

    Raises:
        DataError: the cell holds none.
    """
    content, path = value, None
    if isinstance(value, dict):
        content, path = value.get("bytes"), value.get("path")
    if isinstance(content, bytes) and content:
        with in_memory_file(content, where) as location:
            yield location
    elif path:
        yield path
    else:
        kind = type(value).__name__
        raise DataError(
            f"{where}: holds no image" + ("" if value is None else f" but {kind}"),
            fault="missing" if value is None else "not_a_picture",
        )


def _array(value: Any, where: str) -> NDArray[Any]:
    """Return the ids of a cell that holds lists, H x W."""
    try:
        label_HW = np.asarray(value)
    except ValueError as error:  # rows of unequal length
        raise DataError(f"{where}: not H x W ids: {error}", fault="damaged") from error
    if label_HW.dtype == np.bool_:
        label_HW = label_HW.astype(np.uint8)
    if label_HW.ndim != 2 or label_HW.dtype.kind not in "iu":
        raise DataError(
            f"{where}: label is {label_HW.ndim}-dimensional, {label_HW.dtype};"
            " allowed: images, or H x W whole numbers",
            fault="label_kind",
        )
    return label_HW
