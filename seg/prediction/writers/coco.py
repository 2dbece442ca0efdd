"""`annotations.json`: all label maps as COCO annotations."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.code_masks import output_masks
from seg.data.label_space import LabelSpace
from seg.data.label_values import LabelValues
from seg.inference.image_source import Raster
from seg.io.atomic import staged_file, write_atomically
from seg.io.json_file import compact_json
from seg.prediction.items import Item
from seg.prediction.parts import read_part
from seg.prediction.polygon_format import (
    check_library,
    check_size,
    image_name,
    log_small,
    small_part,
    trace,
)
from seg.prediction.polygons import Region
from seg.prediction.rle import ClassRuns, class_runs
from seg.prediction.writer import PARTS, BufferedWriter, Format, ManifestEntry, Settings, Writer


class Coco(Format):
    """All classes of all images.

    With `coco_segmentation=rle` there is one annotation an image and class that occurs in it, as in
    COCO-Stuff: its pixels, exactly. With `polygons` there is one a connected region, as label tools
    have it (`seg.prediction.polygons`); regions with holes are run lengths, since COCO's polygons
    have none.

    `category_id` is the data set's id of the class; with `values=index` its position + 1, since
    COCO counts from 1. Images are numbered from 1 in the order of their names.
    """

    name = "coco"
    file = "annotations.json"
    holds_values = True
    takes_overlaps = True

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.draws_polygons = settings.options.coco_segmentation == "polygons"
        if self.draws_polygons:
            check_library(self.name)

    def targets(self, item: Item) -> tuple[str, ...]:
        """Return the part of an item."""
        return (f"{PARTS}/coco/{item.name}.json",)

    def open(self, item: Item, raster: Raster) -> Writer:
        """Start to collect a label map.

        Raises:
            DataError: it is too large to be simplified as a whole.
        """
        path = self.path(self.targets(item)[0])
        if self.draws_polygons:
            check_size(self.name, item, raster)
        return BufferedWriter(
            raster.height, lambda piece: piece.label_HW, lambda label_HW: self._save(path, label_HW)
        )

    def merge(self, done: Sequence[tuple[Item, ManifestEntry]]) -> None:
        """Write categories, images and annotations one after the other."""
        categories = categories_of(self.settings.label_values)
        with staged_file(self.path(self.file)) as file:
            file.write(b'{"categories":' + compact_json(categories) + b',"images":[')
            for number, (item, record) in enumerate(done, 1):
                width, height = record["size"]
                image = {"id": number, "file_name": image_name(item)}
                file.write(b",\n" if number > 1 else b"\n")
                file.write(compact_json({**image, "width": width, "height": height}))
            file.write(b'\n],"annotations":[')
            for number, annotation in enumerate(self._numbered(done), 1):
                file.write(b",\n" if number > 1 else b"\n")
                file.write(compact_json({"id": number, **annotation}))
            file.write(b"\n]}\n")

    def log_summary(self, done: Sequence[tuple[Item, ManifestEntry]]) -> None:
        """Log how many small regions there are no more."""
        if self.draws_polygons:
            log_small(self, done)

    def _save(self, path: Path, label_HW: NDArray[Any]) -> dict[str, int] | None:
        """Write the annotations of an item; return the part for the manifest."""
        part, values = None, self.settings.label_values
        if self.draws_polygons:
            regions = trace(self.settings, label_HW)
            part = small_part(regions)
            annotations = [annotation_of(each, values, label_HW.shape) for each in regions.regions]
        else:
            annotations = run_annotations(label_HW, values)
        write_atomically(path, lambda file: file.write(compact_json(annotations)))
        return part

    def _numbered(self, done: Sequence[tuple[Item, ManifestEntry]]) -> Iterator[dict[str, Any]]:
        """Yield the annotations of all items with the number of their image."""
        for number, (item, record) in enumerate(done, 1):
            for annotation in read_part(self, item, record):
                yield {"image_id": number, **annotation}


def categories_of(values: LabelValues) -> list[dict[str, Any]]:
    """Return COCO's categories of the classes."""
    return [
        {"id": _category_id(index, values), "name": name}
        for index, name in enumerate(values.labels.names)
    ]


def run_annotations(label_HW: NDArray[Any], values: LabelValues) -> list[dict[str, Any]]:
    """Return an annotation for each class that occurs: run lengths of its pixels.

    They lack `id` and `image_id`.
    """
    return [
        _annotation(_category_id(index, values), runs.box, runs.area, runs.encoded())
        for index, runs in _runs(label_HW, values.labels)
    ]


def annotation_of(region: Region, values: LabelValues, shape: Sequence[int]) -> dict[str, Any]:
    """Return the annotation of a region in an image of this height and width.

    It lacks `id` and `image_id`.
    """
    category_id = _category_id(region.class_index, values)
    if region.has_holes:
        mask_HW = region.image_mask((shape[1], shape[0])).astype(np.uint8)
        (_, runs) = class_runs(mask_HW, num_classes=2)
        return _annotation(category_id, runs.box, runs.area, runs.encoded())
    left, top, right, bottom = region.polygon.bounds
    corners = [number for corner in region.shell for number in corner]
    return _annotation(category_id, (left, top, right - left, bottom - top), region.area, [corners])


def _annotation(
    category_id: int, box: Sequence[float], area: float, segmentation: Any
) -> dict[str, Any]:
    return {
        "category_id": category_id,
        "bbox": list(box),
        "area": area,
        "iscrowd": 0,
        "segmentation": segmentation,
    }


def _category_id(index: int, values: LabelValues) -> int:
    """Return COCO's number of a class; it counts positions from 1."""
    return values.classes[index] + (values.kind == "index")


def _runs(label_HW: NDArray[Any], labels: LabelSpace) -> Iterator[tuple[int, ClassRuns]]:
    """Yield the run lengths of every class that occurs, with its position."""
    if labels.mode != "multi_label":
        for runs in class_runs(label_HW, num_classes=labels.num_classes):
            yield runs.class_id, runs
        return
    for index, mask_HW in enumerate(output_masks(label_HW, labels)):
        for runs in class_runs((~mask_HW).astype(np.uint8), num_classes=1):
            yield index, runs


FORMAT = Coco
