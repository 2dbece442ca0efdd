"""Classification datasets of the Hugging Face Hub, or local ones that its library reads."""

from collections.abc import Sequence
from typing import Any

from seg.data.classification.sample import ClassifiedImage, ClassNames
from seg.data.datasets.hf_dataset import declared_names, load_rows, located, split_name
from seg.data.readers.readers import read_filled
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.errors import ConfigError, DataError


class ImageHub:
    """One split of a dataset with a column of images and a column of classes.

    Images are decoded by the strict readers here; no code of the dataset is run. The label
    column holds a class or a list of classes a row, as numbers of declared names or as words.

    Args:
        split, name, config_name, revision: as of `seg.data.datasets.hf_dataset.HfDataset`.
        image_column, label_column: the two columns.
        train_split, val_split, test_split: as of `HfDataset`, too.

    Raises:
        ConfigError: an option is wrong, or `datasets` is not installed.
        DataError: the dataset cannot be loaded, or its labels are no classes.
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
    ) -> None:
        if not name:
            raise ConfigError(
                "classification_dataset.name: give OWNER/NAME of the Hub, or a local directory"
            )
        parts = {"train": train_split, "val": val_split, "test": test_split}
        table, columns = (name, config_name, revision), (image_column, label_column)
        part = split_name(parts, split, section="classification_dataset")
        self.split = split
        self.decoding: ImageDecoding = PLAIN  # until it is declared
        self._columns = columns
        self._where = f"{name}, split {part}"
        self._rows = load_rows(table, part, columns)
        names, several = declared_names(self._rows.features[label_column])
        self._declared = names is not None
        if names is None:
            training = split_name(parts, "train", section="classification_dataset")
            rows = self._rows if training == part else load_rows(table, training, columns)
            self.labels = _occurring(rows[label_column], self._where)
        else:
            self.labels = ClassNames(tuple(names), several)
        self._places = {each: place for place, each in enumerate(self.labels.names)}

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> ClassifiedImage:
        """Read one image.

        Raises:
            IndexError: there is no such row.
            DataError: a cell is empty or damaged, or holds no known class.
        """
        row = self._rows[index]
        where = f"{self._where}, row {index}"
        with located(row[self._columns[0]], f"{where}, column {self._columns[0]!r}") as location:
            image_HWC, _ = read_filled(location, self.decoding)
        classes = [self._place(each, where) for each in _several(row[self._columns[1]])]
        if not (classes or self.labels.multi_label):
            raise DataError(f"{where}: no class")
        return ClassifiedImage(f"{index % len(self):08d}", image_HWC, self.labels.label(classes))

    def _place(self, value: Any, where: str) -> int:
        if self._declared and isinstance(value, int) and 0 <= value < self.labels.num_classes:
            return value
        place = None if self._declared else self._places.get(str(value))
        if place is None:
            raise DataError(
                f"{where}: class {value!r} is not among the {self.labels.num_classes} known"
            )
        return place


def _occurring(values: Sequence[Any], where: str) -> ClassNames:
    """Return the classes that occur in a column, as words in their order."""
    try:
        names = sorted({each for value in values for each in _several(value)})
    except TypeError as error:
        raise DataError(f"{where}: the label column holds no classes: {error}") from error
    several = any(isinstance(value, list | tuple) for value in values)
    return ClassNames(tuple(map(str, names)), several)


def _several(value: Any) -> Sequence[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)
