"""`areas.csv`: pixels and share of every class in every image."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from seg.data.code_masks import output_masks
from seg.data.label_space import LabelSpace
from seg.inference.image_source import Raster
from seg.io.atomic import write_atomically
from seg.io.csv_table import format_csv
from seg.prediction.items import Item
from seg.prediction.writer import Format, ItemRows, ManifestEntry, Writer

COLUMNS = ("picture", "class_id", "class", "pixels", "share")


class Areas(Format):
    """One row an image and class; `share` is of the pixels that are not ignored."""

    name = "areas"
    holds_values = True
    takes_overlaps = True
    file = "areas.csv"

    def open(self, item: Item, raster: Raster) -> Writer:
        """Start to count the pixels of an item."""
        return _Counts(self.settings.labels)

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
            counts = list(record["parts"][self.name])
            total = counts.pop() if len(counts) > len(names) else sum(counts)
            for value, name, pixels in zip(values, names, counts, strict=True):
                yield item.name, value, name, pixels, pixels / max(total, 1)


class _Counts(Writer):
    """Counts the pixels of each class; where classes overlap, also those that are not ignored."""

    def __init__(self, labels: LabelSpace) -> None:
        self._labels = labels
        self._counts = np.zeros(labels.num_classes + (labels.mode == "multi_label"), np.int64)

    def write(self, piece: ItemRows) -> None:
        """Count the next rows."""
        labels, classes = self._labels, self._labels.num_classes
        if labels.mode == "multi_label":
            self._counts[:-1] += output_masks(piece.label_HW, labels).sum((1, 2))
            self._counts[-1] += (piece.label_HW != labels.ignore_index).sum()
        else:
            self._counts += np.bincount(piece.label_HW.ravel(), minlength=classes)[:classes]

    def close(self) -> list[int]:
        """Return the counts."""
        return [int(count) for count in self._counts]


FORMAT = Areas
