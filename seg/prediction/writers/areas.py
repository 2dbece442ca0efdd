"""`areas.csv`: pixels and share of every class in every image."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from seg.inference.image_source import Raster
from seg.io.atomic import write_atomically
from seg.io.csv_table import format_csv
from seg.prediction.items import Item
from seg.prediction.writer import Format, ItemRows, ManifestEntry, Writer

COLUMNS = ("picture", "class_id", "class", "pixels", "share")


class Areas(Format):
    """One row an image and class; `share` is of the pixels that have a class."""

    name = "areas"
    holds_values = True
    file = "areas.csv"

    def open(self, item: Item, raster: Raster) -> Writer:
        """Start to count the pixels of an item."""
        return _Counts(self.settings.labels.num_classes)

    def merge(self, done: Sequence[tuple[Item, ManifestEntry]]) -> None:
        """Write the table."""
        rows = ((*row[:4], f"{row[4]:.6f}") for row in self.rows(done))
        text = format_csv([COLUMNS, *rows])
        write_atomically(self.path(self.file), lambda file: file.write(text.encode()))

    def rows(
        self, done: Sequence[tuple[Item, ManifestEntry]]
    ) -> Iterator[tuple[str, int, str, int, Any]]:
        """Yield the values of `COLUMNS`."""
        names, values = self.settings.labels.names, self.settings.label_values.classes
        for item, record in done:
            counts = record["parts"][self.name]
            total = sum(counts) or 1
            for value, name, pixels in zip(values, names, counts, strict=True):
                yield item.name, value, name, pixels, pixels / total


class _Counts(Writer):
    """Counts the pixels of each class."""

    def __init__(self, num_classes: int) -> None:
        self._counts = np.zeros(num_classes, np.int64)

    def write(self, piece: ItemRows) -> None:
        """Count the next rows."""
        classes = len(self._counts)
        self._counts += np.bincount(piece.label_HW.ravel(), minlength=classes)[:classes]

    def close(self) -> list[int]:
        """Return the counts."""
        return [int(count) for count in self._counts]


FORMAT = Areas
