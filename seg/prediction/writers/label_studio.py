"""`label_studio.json`: tasks with predictions for Label Studio, and `label_studio.xml`."""

from collections.abc import Sequence
from urllib.parse import quote
from xml.etree import ElementTree

from seg.data.readers.urls import is_remote
from seg.errors import ConfigError
from seg.io.atomic import staged_file, write_atomically
from seg.io.json_file import compact_json
from seg.prediction.items import Item
from seg.prediction.label_studio_results import Control, Tag, make_result
from seg.prediction.parts import read_part
from seg.prediction.polygon_format import ShapeFormat, Size, check_xml, image_name
from seg.prediction.polygons import Region
from seg.prediction.writer import PARTS, ManifestEntry, Settings

_MODEL = "seg"
_TAGS: tuple[Tag, ...] = ("PolygonLabels", "BrushLabels")


class LabelStudio(ShapeFormat):
    """A result a region: a polygon, or a brush stroke where it has holes.

    The XML file is the labeling configuration of the project that the tasks are imported into. The
    address of an image is `label_studio_images` and its path below the input; of an image at an
    address of an object store that address.

    Raises:
        ConfigError: see `PolygonFormat`; XML cannot hold the name of a class.
    """

    name = "label_studio"
    file = "label_studio.json"
    config_file = "label_studio.xml"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        for name in self.classes.values():
            check_xml(name, "class", self.name)
        self._controls = {
            tag: Control(tag, tag.removesuffix("Labels").lower(), "image", self.classes)
            for tag in _TAGS
        }

    def targets(self, item: Item) -> tuple[str, ...]:
        """Return the part of an item."""
        if item.kind in ("page", "frame"):
            raise ConfigError(
                f"formats=label_studio: {item.source}: its tasks name image files; save"
                f" {item.kind}s as files first"
            )
        return (f"{PARTS}/label_studio/{item.name}.json",)

    def merged_files(self, items: Sequence[Item]) -> tuple[str, ...]:
        """Return the tasks and the configuration."""
        return self.file, self.config_file

    def save(self, item: Item, size: Size, regions: Sequence[Region]) -> None:
        """Write the results of an item."""
        path = self.path(self.targets(item)[0])
        results = [
            make_result(region, self._controls[_tag(region)], size, str(number))
            for number, region in enumerate(regions, 1)
        ]
        write_atomically(path, lambda file: file.write(compact_json(results)))

    def merge(self, done: Sequence[tuple[Item, ManifestEntry]]) -> None:
        """Write the tasks one after the other, and the configuration."""
        with staged_file(self.path(self.file)) as file:
            file.write(b"[")
            for number, (item, record) in enumerate(done):
                prediction = {"model_version": _MODEL, "result": read_part(self, item, record)}
                task = {"data": {"image": self._address(item)}, "predictions": [prediction]}
                file.write(b",\n" if number else b"\n")
                file.write(compact_json(task))
            file.write(b"\n]\n")
        config = ElementTree.tostring(self._config(), "utf-8")
        write_atomically(self.path(self.config_file), lambda file: file.write(config + b"\n"))

    def _address(self, item: Item) -> str:
        """Return the address of an image as Label Studio opens it."""
        if is_remote(item.source):
            return item.source
        prefix = self.settings.options.label_studio_images
        name = image_name(item)
        return prefix + (quote(name, errors="surrogateescape") if "?" in prefix else name)

    def _config(self) -> ElementTree.Element:
        """Return the labeling configuration: an image, and tags for polygons and strokes."""
        view = ElementTree.Element("View")
        ElementTree.SubElement(view, "Image", name="image", value="$image", zoom="true")
        for each in self._controls.values():
            control = ElementTree.SubElement(view, each.tag, name=each.name, toName=each.to_name)
            for index, label in each.labels.items():
                color = f"#{bytes(self.settings.labels.palette[index]).hex()}"
                ElementTree.SubElement(control, "Label", value=label, background=color)
        ElementTree.indent(view)
        return view


def _tag(region: Region) -> Tag:
    """Return the tag that draws a region: polygons have no holes."""
    return "BrushLabels" if region.has_holes else "PolygonLabels"


FORMAT = LabelStudio
