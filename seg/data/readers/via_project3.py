"""Projects of version 3 of the VGG Image Annotator, as far as they annotate images."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seg.data.readers.via_regions import ViaImage, ViaRegion
from seg.errors import DataError, brief

_IMAGE = 2  # of the types of files
_BY_ADDRESS = (2, 3)  # of the locations of files: by URL
_CHECKBOX = 2  # of the types of attributes
_KINDS = {  # names of version 2 by the numbers of version 3, and the names of the numbers
    1: ("point", ("cx", "cy")),
    2: ("rect", ("x", "y", "width", "height")),
    3: ("circle", ("cx", "cy", "r")),
    4: ("ellipse", ("cx", "cy", "rx", "ry")),
    5: ("line", ()),
    6: ("polyline", ()),
    7: ("polygon", ()),
    8: ("extreme_rectangle", ()),
    9: ("extreme_circle", ()),
}
Options = dict[str, Mapping[str, str]]


def is_project3(content: Any) -> bool:
    """Return whether a JSON file is a project of version 3."""
    return isinstance(content, dict) and all(
        isinstance(content.get(key), dict)
        for key in ("project", "file", "view", "metadata", "attribute")
    )


def read_project3(content: Mapping[str, Any], path: Path) -> tuple[tuple[ViaImage, ...], Options]:
    """Return the images of a project, and the options of its attributes.

    Raises:
        DataError: it holds other files than images, or what is damaged.
    """
    attributes = {
        id_: each
        for id_, each in content["attribute"].items()
        if isinstance(each, dict) and isinstance(each.get("aname"), str)
    }
    regions: dict[str, list[ViaRegion]] = {}
    for id_, each in content["metadata"].items():
        place = f"metadata {brief(id_)}"
        if not isinstance(each, dict) or not isinstance(each.get("xy"), list):
            raise _damaged(path, place, "xy is no list of numbers")
        if each["xy"]:  # else it is of the file
            region = _region(each, attributes, place, path)
            regions.setdefault(str(each.get("vid")), []).append(region)
    images = []
    for id_, view in content["view"].items():
        address = _address(id_, view, content["file"], path)
        images.append(ViaImage(address, f"view {id_}", tuple(regions.pop(str(id_), ()))))
    if regions:
        lost = next(iter(regions.values()))[0]
        raise _damaged(path, lost.place, "its view is not in the project")
    options: Options = {
        each["aname"]: {key: str(text) for key, text in each["options"].items()}
        for each in attributes.values()
        if isinstance(each.get("options"), dict) and each["options"]
    }
    return tuple(images), options


def _address(id_: str, view: Any, files: Mapping[str, Any], path: Path) -> str:
    listed = view.get("fid_list") if isinstance(view, dict) else None
    if not isinstance(listed, list) or len(listed) != 1:
        raise _damaged(path, f"view {id_}", "one image is needed, not several files")
    file = files.get(str(listed[0]))
    if not isinstance(file, dict) or file.get("type") != _IMAGE:
        raise _damaged(path, f"view {id_}", "its file is no image; only images are read")
    address = file.get("src") if file.get("loc") in _BY_ADDRESS else file.get("fname")
    if not isinstance(address, str):
        raise _damaged(path, f"view {id_}", f"its file is called {brief(address)}")
    return address


def _region(
    content: Mapping[str, Any], attributes: Mapping[str, Any], place: str, path: Path
) -> ViaRegion:
    number, *values = content["xy"]
    kind, names = _KINDS.get(number if type(number) is int else 0, (f"shape {brief(number)}", ()))
    if names and len(values) != len(names):
        raise _damaged(path, place, f"a {kind} has {len(names)} numbers, not {len(values)}")
    points = {"all_points_x": values[::2], "all_points_y": values[1::2]}
    chosen = content.get("av")
    return ViaRegion(
        kind,
        place,
        dict(zip(names, values, strict=True)) if names else points,
        {
            attributes[id_]["aname"]: _value(value, attributes[id_])
            for id_, value in (chosen if isinstance(chosen, dict) else {}).items()
            if id_ in attributes
        },
    )


def _value(value: Any, attribute: Mapping[str, Any]) -> Any:
    """Return a value; of a checkbox, which lists ids with commas, as version 2 has it."""
    if attribute.get("type") == _CHECKBOX and isinstance(value, str):
        return dict.fromkeys(filter(None, value.split(",")), True)
    return value


def _damaged(path: Path, place: str, why: str) -> DataError:
    return DataError(f"{path}: {place}: {why}", fault="annotation")
