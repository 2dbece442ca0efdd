"""`NAME.json`: shapes for LabelMe (github.com/wkentaro/labelme), one file an image."""

import base64
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from seg.data.readers.urls import is_remote
from seg.errors import ConfigError
from seg.io.atomic import write_atomically
from seg.io.json_file import compact_json
from seg.prediction.items import Item
from seg.prediction.polygon_format import ShapeFormat, Size, local_image
from seg.prediction.polygons import Region
from seg.prediction.writer import Settings

_VERSION = "7.9.1"  # of the LabelMe that these files are tested with


class LabelMe(ShapeFormat):
    """A shape a region: a polygon, or a mask where the region has holes, which no polygon can have.

    With `simplify_tolerance_px=0` all shapes are masks: LabelMe draws the pixels on the edges of a
    polygon, too, so that no polygon of it has the pixels of its region. `imagePath` is the path of
    the image from the file.

    Raises:
        ConfigError: see `PolygonFormat`; the output is an address, from which no path leads there.
    """

    name = "labelme"
    suffix = ".json"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        output = settings.options.output
        if output is not None and is_remote(output):
            raise ConfigError(
                f"formats=labelme: its files hold the path to their image, and output={output} is"
                " an address\n  write them to the machine of the images"
            )

    def targets(self, item: Item) -> tuple[str, ...]:
        """Return the file of an item, which must be an image file."""
        local_image(self.name, item)
        return super().targets(item)

    def save(self, item: Item, size: Size, regions: Sequence[Region]) -> None:
        """Write a file in the order of LabelMe's own keys."""
        path = self.path(self.targets(item)[0])
        image = os.path.relpath(local_image(self.name, item).absolute(), path.parent.absolute())
        as_masks = self.settings.options.simplify_tolerance_px == 0
        content = document_of(
            Path(image).as_posix(), size, regions, self.classes, as_masks=as_masks
        )
        write_atomically(path, lambda file: file.write(compact_json(content)))


def document_of(
    image_path: str,
    size: Size,
    regions: Sequence[Region],
    classes: Mapping[int, str],
    *,
    as_masks: bool,
) -> dict[str, Any]:
    """Return LabelMe's file of an image, in the order of its own keys.

    Args:
        image_path: of the image, from the file.
        size: of the image.
        regions: of `classes`.
        classes: position -> name.
        as_masks: whether all shapes are masks.
    """
    return {
        "version": _VERSION,
        "flags": {},
        "shapes": [
            _shape(region, classes[region.class_index], as_mask=as_masks) for region in regions
        ],
        "imagePath": image_path,
        "imageData": None,
        "imageHeight": size[1],
        "imageWidth": size[0],
    }


def _shape(region: Region, label: str, *, as_mask: bool) -> dict[str, Any]:
    """Return a region as LabelMe has it."""
    points, mask = region.shell, None
    is_mask = as_mask or region.has_holes
    if is_mask:
        left, top, mask_HW = region.mask()
        height, width = mask_HW.shape
        points = [[left, top], [left + width - 1, top + height - 1]]  # the last pixel inside
        stream = io.BytesIO()
        Image.fromarray(mask_HW).save(stream, "PNG")
        mask = base64.b64encode(stream.getvalue()).decode()
    return {
        "label": label,
        "points": points,
        "group_id": None,
        "description": "",
        "shape_type": "mask" if is_mask else "polygon",
        "flags": {},
        "mask": mask,
    }


FORMAT = LabelMe
