"""Pictures that a CSV file lists with their class or classes."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from seg.data.classification.sample import ClassNames, ImageFile, ImageFiles
from seg.data.datasets.csv import Row, named_samples, read_table, resolve, rows_of_split
from seg.data.readers.urls import Location, is_remote
from seg.errors import ConfigError, DataError


class ImageCsv(ImageFiles):
    """One split of the pictures that a CSV file lists.

    The file has a header and commas between its columns. Files are given relative to it, as
    absolute paths, or as addresses (`s3://`, `gs://`, `hf://`, see `seg.data.readers.url_policy`).
    Classes are the names in the label column of the training split, sorted.

    Args:
        split: `train`, `val`, `test`, however the column spells them, or another value of it.
        table: the CSV file, a path or an address.
        image_column, label_column: the columns of the file and of its class.
        split_column: the column of the split; None: a fixed part of the rows is `val`.
        label_separator: what stands between several classes of a picture, such as `;`; None: each
            picture is of one class.
        val_fraction: the part of the rows that is `val`, where no column splits them.
        val_seed: another seed, another part.

    Raises:
        ConfigError: an option is wrong.
        DataError: the table is missing, or what is wrong in which line.
    """

    def __init__(
        self,
        *,
        split: str,
        table: str | Path | None = None,
        image_column: str = "image",
        label_column: str = "label",
        split_column: str | None = "split",
        label_separator: str | None = None,
        val_fraction: float = 0.1,
        val_seed: int = 0,
    ) -> None:
        if table is None:
            raise ConfigError("classification_dataset.table: missing; give a CSV file")
        location: Location = table if is_remote(table) else Path(table).expanduser()
        rows = read_table(location, (image_column, label_column, split_column))
        training = rows_of_split(rows, "train", location, val_fraction, val_seed)
        names = sorted({name for row in training for name in _names(row, label_separator)})
        labels = ClassNames(tuple(names), label_separator is not None)
        chosen = rows_of_split(rows, split, location, val_fraction, val_seed)
        files = list(_files(chosen, location, names, label_separator))
        super().__init__(files, labels=labels, split=split)


def _names(row: Row, separator: str | None) -> list[str]:
    parts = [row.label] if separator is None else row.label.split(separator)
    return [part.strip() for part in parts if part.strip()]


def _files(
    rows: Sequence[Row], location: Location, names: Sequence[str], separator: str | None
) -> Iterable[ImageFile]:
    places = {name: place for place, name in enumerate(names)}
    for name, row in named_samples(rows):
        told = _names(row, separator)
        strange = [each for each in told if each not in places]
        if strange:
            raise DataError(
                f"{location}, line {row.line}: class {strange[0]!r} is not among the training "
                f"split's {len(names)}"
            )
        yield ImageFile(name, resolve(row.image, location), tuple(places[each] for each in told))
