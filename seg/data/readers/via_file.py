"""Files of the VGG Image Annotator (robots.ox.ac.uk/~vgg/software/via), versions 1, 2 and 3."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from seg.data.readers.urls import MAX_JSON_BYTES, read_bytes, read_json
from seg.data.readers.via_project3 import is_project3, read_project3
from seg.data.readers.via_regions import ViaImage, ViaRegion
from seg.errors import DataError, brief
from seg.io.csv_table import parse_csv
from seg.io.json_file import parse_json
from seg.io.source import Source

_COLUMNS = (
    *("filename", "file_size", "file_attributes", "region_count", "region_id"),
    *("region_shape_attributes", "region_attributes"),
)
_NO_FILE = (
    "not a file of the VGG Image Annotator: a project, or annotations as JSON or CSV\n"
    "  COCO annotations: dataset=coco_instances"
)
_HAS_COMMA = "a file name with a comma? export the annotations as JSON"


@dataclass(frozen=True, eq=False)
class ViaFile:
    """The images of a file.

    Attributes:
        path: the file.
        state: its size in bytes and its time of change in ns.
        images: in the order of the file.
        options: of each attribute of regions, the texts of its options by their ids; empty where
            the file does not have them.
    """

    path: Path
    state: tuple[int, int]
    images: tuple[ViaImage, ...]
    options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def read_via_file(path: Path) -> ViaFile:
    """Read a file, once a process while it does not change.

    Raises:
        DataError: it is missing or damaged, or of another kind; with image and region, or the line.
    """
    try:
        status = path.stat()
    except OSError:
        status = None
    file = _read(path, (status.st_size, status.st_mtime_ns) if status else (0, 0))
    if not file.images:
        raise DataError(f"{path}: lists no image", fault="empty")
    return file


@lru_cache(maxsize=8)
def _read(path: Path, state: tuple[int, int]) -> ViaFile:
    if path.suffix.lower() == ".csv":
        return ViaFile(path, state, _read_csv(path))
    content = read_json(path, "annotation file")
    if is_project3(content):
        images, options = read_project3(content, path)
        return ViaFile(path, state, images, options)
    entries = content.get("_via_img_metadata", content) if isinstance(content, dict) else None
    if not isinstance(entries, dict) or not all(map(_is_entry, entries.values())):
        raise DataError(f"{path}: {_NO_FILE}", fault="label_kind")
    images = tuple(_image(entry, path) for entry in entries.values())
    return ViaFile(path, state, images, _options(content.get("_via_attributes")))


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("filename"), str)
        and isinstance(entry.get("regions", []), list | dict)
    )


def _image(entry: Mapping[str, Any], path: Path) -> ViaImage:
    place = f"image {brief(entry['filename'])}"
    regions = entry.get("regions", [])
    listed = list(regions.values()) if isinstance(regions, dict) else regions
    return ViaImage(
        entry["filename"],
        place,
        tuple(_region(each, path, f"{place}, region {at}") for at, each in enumerate(listed)),
    )


def _region(content: Any, path: Path, place: str) -> ViaRegion:
    shape = content.get("shape_attributes") if isinstance(content, dict) else None
    attributes = content.get("region_attributes", {}) if isinstance(content, dict) else None
    if not isinstance(shape, dict) or not isinstance(attributes, dict):
        raise DataError(
            f"{path}: {place}: shape_attributes and region_attributes are needed, two objects",
            fault="annotation",
        )
    return ViaRegion(str(shape.get("name")), place, shape, attributes)


def _options(attributes: Any) -> dict[str, Mapping[str, str]]:
    """Return the options of the attributes of regions of a project."""
    regions = attributes.get("region") if isinstance(attributes, dict) else None
    found: dict[str, Mapping[str, str]] = {}
    for name, attribute in (regions if isinstance(regions, dict) else {}).items():
        options = attribute.get("options") if isinstance(attribute, dict) else None
        if isinstance(options, dict):
            found[name] = {id_: str(text) for id_, text in options.items()}
    return found


def _read_csv(path: Path) -> tuple[ViaImage, ...]:
    source = Source(path, "annotation file", max_bytes=MAX_JSON_BYTES)
    content = read_bytes(path, source.kind, max_bytes=source.max_bytes)
    numbered = [(line, cells) for line, cells in parse_csv(content, source) if cells]
    header = [cell.removeprefix("#") for cell in numbered[0][1]] if numbered else []
    if tuple(header) != _COLUMNS:
        raise DataError(f"{path}: {_NO_FILE}", fault="label_kind")
    rows: dict[tuple[str, str], list[tuple[int, list[str]]]] = {}
    for line, cells in numbered[1:]:
        if len(cells) != len(_COLUMNS):
            raise DataError(
                f"{path}, line {line}: {len(cells)} cells instead of {len(_COLUMNS)}\n"
                f"  {_HAS_COMMA}",
                fault="damaged",
            )
        rows.setdefault((cells[0], cells[1]), []).append((line, cells))
    return tuple(_image_of_rows(name, lines, path) for (name, _), lines in rows.items())


def _image_of_rows(name: str, rows: list[tuple[int, list[str]]], path: Path) -> ViaImage:
    regions = []
    for line, cells in rows:
        place = f"line {line}"
        shape, attributes = (
            parse_json(cell.encode(), Source(f"{path}, {place}", "cell")) for cell in cells[5:7]
        )
        if shape or attributes:  # an image without regions has one line without either
            content = {"shape_attributes": shape, "region_attributes": attributes}
            regions.append(_region(content, path, place))
    line, cells = rows[0]
    counts = {cells[3] for _, cells in rows}
    if counts != {str(len(regions))}:
        raise DataError(
            f"{path}, line {line}: region_count of {brief(name)} is {', '.join(sorted(counts))},"
            f" and {len(regions)} regions are there\n  export the annotations again",
            fault="damaged",
        )
    return ViaImage(name, f"image {brief(name)}", tuple(regions))
