"""Images that a CSV file lists with their class or classes."""

from pathlib import Path

from seg.data.classification.sample import ClassNames, ImageFile, ImageFiles
from seg.data.datasets.csv import Row, named_samples, read_table, resolve, rows_of_split
from seg.data.readers.urls import Location, is_remote
from seg.errors import ConfigError, DataError


class ImageCsv(ImageFiles):
    """One split of the images that a CSV file lists.

    The file has a header and commas between its columns. Files are given relative to it, as
    absolute paths, or as addresses (`s3://`, `gs://`, `hf://`, see `seg.data.readers.url_policy`).
    Classes are the names in the label column of the training split, sorted.

    Args:
        split: `train`, `val`, `test`, however the column spells them, or another value of it.
        table: the CSV file, a path or an address.
        image_column, label_column: the columns of the file and of its class.
        split_column: the column of the split; None: a fixed part of the rows is `val`.
        label_separator: separates several classes of an image, such as `;`; None: each image is of
            one class.
        val_fraction: share of the rows that is `val`, where no column splits them.
        val_seed: of the choice of these rows.

    Raises:
        ConfigError: an option is wrong.
        DataError: the table is missing or a line is wrong, with its number.
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
        places = {name: place for place, name in enumerate(names)}
        files = []
        for name, row in named_samples(chosen):
            classes = _names(row, label_separator)
            unknown = [each for each in classes if each not in places]
            if unknown:
                raise DataError(
                    f"{location}, line {row.line}: class {unknown[0]!r} is not among the training "
                    f"split's {len(names)}"
                )
            where = resolve(row.image, location)
            files.append(ImageFile(name, where, tuple(places[each] for each in classes)))
        super().__init__(files, labels=labels, split=split)


def _names(row: Row, separator: str | None) -> list[str]:
    parts = [row.label] if separator is None else row.label.split(separator)
    return [part.strip() for part in parts if part.strip()]
