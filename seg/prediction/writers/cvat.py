"""`cvat.xml`: shapes for CVAT (github.com/cvat-ai/cvat) in "CVAT for images 1.1"."""

from collections.abc import Sequence
from itertools import chain
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from seg.io.atomic import staged_file, write_atomically
from seg.io.json_file import compact_json
from seg.prediction.items import Item
from seg.prediction.parts import read_part
from seg.prediction.polygon_format import ShapeFormat, Size, check_xml, image_name
from seg.prediction.polygons import Region
from seg.prediction.writer import PARTS, ManifestEntry, Settings

_START = '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'
_END = "</image>"


class Cvat(ShapeFormat):
    """A shape a region: a polygon, or a mask where it has holes; the labels in the file's `meta`.

    The name of an image is its path below the input, by which CVAT finds it in a task.

    Raises:
        ConfigError: see `PolygonFormat`; XML cannot hold the name of a class.
    """

    name = "cvat"
    file = "cvat.xml"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        for name in self.classes.values():
            check_xml(name, "class", self.name)

    def targets(self, item: Item) -> tuple[str, ...]:
        """Return the part of an item.

        Raises:
            ConfigError: XML cannot hold its name.
        """
        check_xml(image_name(item), "image", self.name)
        return (f"{PARTS}/cvat/{item.name}.json",)

    def save(self, item: Item, size: Size, regions: Sequence[Region]) -> None:
        """Write the elements of an item."""
        path = self.path(self.targets(item)[0])
        elements = [ElementTree.tostring(self._shape(each), "unicode") for each in regions]
        write_atomically(path, lambda file: file.write(compact_json(elements)))

    def merge(self, done: Sequence[tuple[Item, ManifestEntry]]) -> None:
        """Write the labels and the images one after the other."""
        with staged_file(self.path(self.file)) as file:
            file.write((_START + self._meta()).encode())
            for number, (item, record) in enumerate(done):
                sides = dict(zip(("width", "height"), map(str, record["size"]), strict=True))
                name = {"id": str(number), "name": image_name(item)}
                image = ElementTree.Element("image", {**name, **sides})
                tags = ElementTree.tostring(image, "unicode", short_empty_elements=False)
                file.write(f"  {tags.removesuffix(_END)}\n".encode())
                file.writelines(f"    {each}\n".encode() for each in read_part(self, item, record))
                file.write(f"  {_END}\n".encode())
            file.write(b"</annotations>\n")

    def _meta(self) -> str:
        """Return the list of labels with their colors."""
        meta = ElementTree.Element("meta")
        labels = ElementTree.SubElement(ElementTree.SubElement(meta, "task"), "labels")
        for index, name in self.classes.items():
            label = ElementTree.SubElement(labels, "label")
            color = f"#{bytes(self.settings.labels.palette[index]).hex()}"
            for key, text in (("name", name), ("color", color), ("type", "any")):
                ElementTree.SubElement(label, key).text = text
            ElementTree.SubElement(label, "attributes")
        ElementTree.indent(meta, level=1)
        return f"  {ElementTree.tostring(meta, 'unicode')}\n"

    def _shape(self, region: Region) -> ElementTree.Element:
        """Return a region as CVAT has it."""
        general = {
            "label": self.classes[region.class_index],
            "source": "auto",
            "occluded": "0",
            "z_order": "0",
        }
        if not region.has_holes:
            points = ";".join(f"{x:.2f},{y:.2f}" for x, y in region.shell)
            return ElementTree.Element("polygon", {**general, "points": points})
        left, top, mask_HW = region.mask()
        sides = (left, top, *mask_HW.shape[::-1])
        names = ("left", "top", "width", "height")
        box = {key: str(value) for key, value in zip(names, sides, strict=True)}
        return ElementTree.Element("mask", {**general, "rle": _runs(mask_HW), **box})


def _runs(mask_HW: NDArray[np.bool_]) -> str:
    """Return the lengths of runs along the rows, in turn outside and inside, from outside."""
    mask = mask_HW.ravel()
    ends = np.append(np.flatnonzero(mask[1:] != mask[:-1]) + 1, mask.size)
    lengths = np.diff(ends, prepend=0).tolist()
    return ", ".join(map(str, chain([0] if mask[0] else [], lengths)))


FORMAT = Cvat
