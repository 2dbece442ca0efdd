"""People's own images, listed in a CSV file: image, label, split."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from seg.data.readers.class_table import find_classes
from seg.data.readers.dataset_root import find_root
from seg.data.readers.image_label_pairs import (
    NO_ANNOTATION,
    NO_ANNOTATION_REMEDY,
    Pair,
    PairDataset,
)
from seg.data.readers.label_encoding import LabelKind, infer_from_files, own_labels
from seg.data.readers.listed_pairs import listed_pairs
from seg.data.readers.splits import find_split, hash_split, no_split_error
from seg.data.readers.unannotated_frames import (
    Unannotated,
    label_files,
    settle_unannotated,
    with_background,
)
from seg.data.readers.urls import Location, is_remote, read_bytes
from seg.errors import DataError, brief, first_of
from seg.io.csv_table import parse_csv
from seg.io.source import MAX_BYTES, Source

_LONGEST_CELL, _LONGEST_HEADER = 4096, 400
_DEFAULT_NAME = "samples.csv"
_HOW_TO_GET = "write a CSV file with the columns image,label,split and set dataset.table to it"


@dataclass(frozen=True)
class Row:
    """One line of a table: its number, and the cells of the three columns."""

    line: int
    image: str
    label: str
    split: str | None


class Csv(PairDataset):
    """One split of the samples that a CSV file lists.

    The file has a header and commas between its columns (RFC 4180, UTF-8). Files are given
    relative to the CSV file, as absolute paths, or as addresses (`s3://`, `gs://`, `hf://`;
    all schemes: `seg.data.readers.url_policy`).

    Args:
        split: `train`, `val`, `test`, however the column spells them, or another value of it.
        table: the CSV file, a path or an address; None: `samples.csv` in `$SEG_DATA/csv` or
            `data/csv`.
        image_column, label_column: the columns of the two files.
        split_column: the column of the split; None: a fixed part of the rows is `val`.
        classes: a JSON or text file (its forms: `seg.data.readers.class_table.read_classes`); None:
            `classes.json` or `classes.txt` beside a local table, else the ids that occur in
            the training labels.
        label_kind: `ids`, `colours` or `auto`, which looks at a label.
        unannotated: rows without a label (an empty cell, or no such file) are an `error`,
            `background`, or left out (`exclude`).
        val_fraction: share of the rows that is `val`, where no column splits them.
        val_seed: of the choice of these rows.

    Raises:
        ConfigError: an option is wrong.
        DataError: the table or files are missing, or what is wrong in which line.
    """

    def __init__(
        self,
        *,
        split: str,
        table: str | Path | None = None,
        image_column: str = "image",
        label_column: str = "label",
        split_column: str | None = "split",
        classes: str | Path | None = None,
        label_kind: LabelKind = "auto",
        unannotated: Unannotated = "error",
        val_fraction: float = 0.1,
        val_seed: int = 0,
    ) -> None:
        if table is None:
            root = find_root(None, dataset="csv", expected=(_DEFAULT_NAME,), how_to_get=_HOW_TO_GET)
            table = root / _DEFAULT_NAME
        location: Location = table if is_remote(table) else Path(table).expanduser()
        columns = (image_column, label_column, split_column)
        rows = read_table(location, columns, may_be_empty=label_column)
        chosen = rows_of_split(rows, split, location, val_fraction, val_seed)
        listed = settle_unannotated("CSV", _pairs(chosen, location), unannotated)
        if unannotated == "error":
            _refuse_empty_labels(chosen, location)
        pairing = listed_pairs(
            listed, location, relative=not is_remote(location), remedy=NO_ANNOTATION_REMEDY
        )
        beside = None if is_remote(location) else Path(location).parent
        # Unsplit, all of them: a class that only validation has would otherwise be unknown to it.
        named = find_classes(classes, beside)
        space, read = own_labels(
            label_kind,
            named=named,
            files=label_files(pairing.pairs),
            infer=lambda: infer_from_files(
                _training_labels(rows, location, unannotated), label_kind
            ),
        )
        read = with_background(pairing.pairs, read, space, named.source if named else location)
        super().__init__(pairing, labels=space, split=split, read=read)


def read_table(
    location: Location, columns: Sequence[str | None], *, may_be_empty: str | None = None
) -> list[Row]:
    """Read the lines of a table.

    Args:
        location: the CSV file.
        columns: names of the columns of image, label and split; None: there is no such column.
        may_be_empty: name of the column whose cells may be empty.

    Raises:
        DataError: what is wrong in which line.
    """
    source = Source(location, "table", "save it as CSV UTF-8, with a line for each sample")
    numbered = parse_csv(read_bytes(location, "table", max_bytes=MAX_BYTES), source)
    header = numbered[0][1] if numbered else []
    _check_header(header, location, columns)
    rows = []
    for line, cells in numbered[1:]:
        where = f"{location}, line {line}"
        if not cells:
            continue
        if len(cells) != len(header):
            raise DataError(f"{where}: {len(cells)} cells, the header has {len(header)}")
        row = dict(zip(header, cells, strict=True))
        values = [None if column is None else row[column].strip() for column in columns]
        for column, value in zip(columns, values, strict=True):
            if value == "" and column != may_be_empty:
                raise DataError(f"{where}: column {column!r} is empty")
            if value is not None and (len(value) > _LONGEST_CELL or "\0" in value):
                raise DataError(f"{where}: column {column!r} holds no name: {brief(value)}")
        image, label, split = values
        rows.append(Row(line, image or "", label or "", split))
    return rows


def _check_header(header: Sequence[str], location: Location, columns: Sequence[str | None]) -> None:
    for column in columns:
        if column is not None and header.count(column) != 1:
            times = "not in" if column not in header else "more than once in"
            raise DataError(
                f"{location}, line 1: column {column!r} is {times} the header:"
                f" {', '.join(header)[:_LONGEST_HEADER]}\n"
                "  the first line names the columns, with commas between them; other names:\n"
                "  dataset.image_column, dataset.label_column, dataset.split_column (null: none)"
            )


def rows_of_split(
    rows: Sequence[Row], split: str, location: Location, val_fraction: float, seed: int
) -> list[Row]:
    """Return the rows of a split, by the column or as `hash_split` draws them.

    Raises:
        ConfigError, DataError: there is no such split, or no line at all.
    """
    if not rows:
        raise DataError(f"{location}: no line follows the header")
    if rows[0].split is None:
        images = {row.image for row in rows}
        chosen = hash_split(images, split, val_fraction=val_fraction, seed=seed, where=location)
        return [row for row in rows if row.image in chosen]
    splits = {row.split for row in rows if row.split is not None}
    name = find_split(split, splits, location)
    if name is None:
        raise no_split_error(split, splits, location)
    return [row for row in rows if row.split == name]


def _refuse_empty_labels(rows: Sequence[Row], location: Location) -> None:
    empty = [row for row in rows if not row.label]
    if empty:
        images = first_of([f"{row.image} (line {row.line})" for row in empty])
        raise DataError(
            f"{location}: {len(empty)} of {len(rows)} images have no label: {images}\n"
            f"  {NO_ANNOTATION_REMEDY}",
            fault=NO_ANNOTATION,
        )


def _training_labels(
    rows: Sequence[Row], location: Location, unannotated: Unannotated
) -> list[Location]:
    if rows[0].split is not None:
        rows = rows_of_split(rows, "train", location, 0, 0)
    labels = [resolve(row.label, location) for row in rows if row.label]
    if unannotated == "error":
        return labels
    return [label for label in labels if is_remote(label) or Path(label).is_file()]


def _pairs(rows: Sequence[Row], location: Location) -> list[Pair]:
    lines: dict[str, int] = {}
    pairs = []
    for name, row in named_samples(rows):
        if row.image in lines:
            raise DataError(
                f"{location}, line {row.line}: image {row.image} is also in line {lines[row.image]}"
            )
        lines[row.image] = row.line
        image = resolve(row.image, location)
        pairs.append(Pair(name, image, resolve(row.label, location) if row.label else image))
    return pairs


def named_samples(rows: Iterable[Row]) -> Iterator[tuple[str, Row]]:
    """Yield each row with the name of its sample: its image's path without suffix, once each."""
    names: set[str] = set()
    for row in rows:
        path = PurePosixPath(row.image.partition("://")[2] or row.image)
        parts = [part for part in path.parts if part not in ("/", "..")]
        name = "/".join([*parts[:-1], PurePosixPath(parts[-1]).stem]) if parts else "line"
        if name in names:  # the same name in another store, or with another suffix
            name = f"{name}_{row.line}"
        names.add(name)
        yield name, row


def resolve(file: str, table: Location) -> Location:
    """Return the location of a file that a table names, relative to the table."""
    if is_remote(file):
        return file
    if is_remote(table) and not Path(file).is_absolute():
        return f"{str(table).rpartition('/')[0]}/{file}"
    return Path(table).parent / file  # an absolute path stays as it is
