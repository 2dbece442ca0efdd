"""Regions as results of Label Studio (github.com/HumanSignal/label-studio)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from seg.data.readers.brush_rle import encode_brush
from seg.prediction.polygon_format import Size, in_percent
from seg.prediction.polygons import Region

Tag = Literal["BrushLabels", "PolygonLabels", "RectangleLabels"]
"""The tags of a labeling configuration that regions are results of."""


@dataclass(frozen=True)
class Control:
    """A tag of a labeling configuration that regions are drawn with.

    Attributes:
        tag: its kind.
        name: `from_name` of its results.
        to_name: name of the tag of the image.
        labels: the label of each class, by position; classes without one are not drawn with it.
    """

    tag: Tag
    name: str
    to_name: str
    labels: Mapping[int, str]


def make_result(region: Region, control: Control, size: Size, id_: str) -> dict[str, Any]:
    """Return a region as Label Studio has it.

    Args:
        region: without holes for `PolygonLabels`, which has none.
        control: has a label for the region's class.
        size: of the image as it is shown, upright.
        id_: of the result, unique in its annotation.
    """
    tag = control.tag.lower()
    label = [control.labels[region.class_index]]
    return {
        "id": id_,
        "type": tag,
        "from_name": control.name,
        "to_name": control.to_name,
        "original_width": size[0],
        "original_height": size[1],
        "image_rotation": 0,
        "value": {**_geometry(region, control.tag, size), tag: label},
    }


def _geometry(region: Region, tag: Tag, size: Size) -> dict[str, Any]:
    if tag == "BrushLabels":
        return {"format": "rle", "rle": list(encode_brush(region.image_mask(size)))}
    if tag == "PolygonLabels":
        return {"points": in_percent(region.shell, size), "closed": True}
    left, top, right, bottom = region.polygon.bounds
    (x, y), (width, height) = in_percent([(left, top), (right - left, bottom - top)], size)
    return {"x": x, "y": y, "width": width, "height": height, "rotation": 0}
