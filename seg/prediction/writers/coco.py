"""`annotations.json`: all label maps as COCO annotations."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.inference.image_source import Raster
from seg.io.atomic import staged_file, write_atomically
from seg.io.json_file import compact_json
from seg.prediction.items import Item
from seg.prediction.parts import read_part
from seg.prediction.rle import ClassRuns, class_runs
from seg.prediction.writer import PARTS, BufferedWriter, Format, ManifestEntry, Writer


class Coco(Format):
    """One annotation an image and class that occurs in it, as in COCO-Stuff.

    `coco_segmentation=rle` stores the pixels exactly. `polygons` are the outlines of the connected
    regions: a hole in a region counts as part of it, since COCO's polygons have no holes.
    `category_id` is the data set's id of the class; with `values=index` its position + 1, since
    COCO counts from 1. Images are numbered from 1 in the order of their names.
    """

    name = "coco"
    file = "annotations.json"
    holds_values = True

    def targets(self, item: Item) -> tuple[str, ...]:
        """Return the part of an item."""
        return (f"{PARTS}/coco/{item.name}.json",)

    def open(self, item: Item, raster: Raster) -> Writer:
        """Start to collect a label map."""
        path = self.path(self.targets(item)[0])
        return BufferedWriter(
            raster.height, lambda piece: piece.label_HW, lambda label_HW: self._save(path, label_HW)
        )

    def merge(self, done: Sequence[tuple[Item, ManifestEntry]]) -> None:
        """Write categories, images and annotations one after the other."""
        categories = [
            {"id": self._category_id(index), "name": name}
            for index, name in enumerate(self.settings.labels.names)
        ]
        with staged_file(self.path(self.file)) as file:
            file.write(b'{"categories":' + compact_json(categories) + b',"images":[')
            for number, (item, record) in enumerate(done, 1):
                width, height = record["size"]
                suffix = Path(item.source).suffix if item.kind in ("image", "raster") else ""
                image = {"id": number, "file_name": item.name + suffix}
                file.write(b",\n" if number > 1 else b"\n")
                file.write(compact_json({**image, "width": width, "height": height}))
            file.write(b'\n],"annotations":[')
            for number, annotation in enumerate(self._numbered(done), 1):
                file.write(b",\n" if number > 1 else b"\n")
                file.write(compact_json({"id": number, **annotation}))
            file.write(b"\n]}\n")

    def _save(self, path: Path, label_HW: NDArray[np.uint8]) -> None:
        """Write the annotations of an item."""
        as_polygons = self.settings.options.coco_segmentation == "polygons"
        annotations = [
            {
                "category_id": self._category_id(runs.class_id),
                "bbox": list(runs.box),
                "area": runs.area,
                "iscrowd": 0,
                "segmentation": outlines(label_HW, runs) if as_polygons else runs.encoded(),
            }
            for runs in class_runs(label_HW, num_classes=self.settings.labels.num_classes)
        ]
        write_atomically(path, lambda file: file.write(compact_json(annotations)))

    def _category_id(self, index: int) -> int:
        """Return COCO's number of a class."""
        values = self.settings.label_values
        return values.classes[index] + (values.kind == "index")

    def _numbered(self, done: Sequence[tuple[Item, ManifestEntry]]) -> Iterator[dict[str, Any]]:
        """Yield the annotations of all items with the number of their image."""
        for number, (item, record) in enumerate(done, 1):
            for annotation in read_part(self, item, record):
                yield {"image_id": number, **annotation}


def outlines(label_HW: NDArray[np.uint8], runs: ClassRuns) -> list[list[float]]:
    """Return the outer boundaries of a class's connected regions, x and y in turn, in px."""
    left, top, width, height = runs.box
    mask = label_HW[top : top + height, left : left + width] == runs.class_id
    # OpenCV's contours go through the middle of pixels; on a mask of twice the size the middle of
    # the outer quarters lies inside each pixel and around its centre
    fine = np.repeat(np.repeat(mask.astype(np.uint8), 2, 0), 2, 1)
    contours, _ = cv2.findContours(fine, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [
        ((contour.reshape(-1, 2) + 0.5) / 2 + (left, top)).round(2).ravel().tolist()
        for contour in contours
    ]


FORMAT = Coco
