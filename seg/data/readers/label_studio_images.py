"""Where the images of Label Studio's tasks lie: beside the export, never in the network."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from seg.errors import DataError, brief

_LOCAL_FILES = "/data/local-files/"
_UPLOAD = re.compile(r"[0-9a-f]{8}-(?=.)")  # before the name of an uploaded file
_MAX_PARTS = 16
_DIRECTORIES = ("", "images")


def image_path(address: object, root: Path, where: str) -> Path:
    """Return the local file of an image; where there is none, the first place for it.

    Looked for in the root and its `images` are the path of the address, then its ends down to the
    name, then the same without the eight digits that Label Studio puts before the names of uploads.

    Args:
        address: as the export has it: `/data/upload/1/ab12cd34-a.jpg`,
            `/data/local-files/?d=photos/a.jpg`, `s3://bucket/photos/a.jpg`, `a.jpg`.
        root: the directory that all images lie in.
        where: the task, for messages.

    Raises:
        DataError: the address is none, or leads out of the root.
    """
    parts = _parts(address, where)
    places = list(_places(parts, root))
    for place in places:
        try:
            if place.is_file():
                return place
        except OSError:  # a name that is too long for a file
            continue
    return root.joinpath(*parts)


def _places(parts: tuple[str, ...], root: Path) -> Iterator[Path]:
    *above, name = parts[-_MAX_PARTS:]
    for each in dict.fromkeys((name, _UPLOAD.sub("", name, count=1))):
        for at in range(len(above) + 1):
            for directory in _DIRECTORIES:
                yield root.joinpath(directory, *above[at:], each)


def _parts(address: object, where: str) -> tuple[str, ...]:
    if not isinstance(address, str) or not address or address.startswith("data:"):
        raise DataError(
            f"{where}: its image is {brief(address)}; the address of one file is needed",
            fault="damaged",
        )
    path = address.replace("\\", "/")
    try:
        url = urlsplit(path)
    except ValueError as error:
        raise DataError(f"{where}: {brief(address)} is no address: {error}") from error
    if url.path.endswith(_LOCAL_FILES) or url.path.endswith(_LOCAL_FILES.rstrip("/")):
        path = next(iter(parse_qs(url.query).get("d", [])), "")
    elif "://" in path:
        path = unquote(url.path)
    elif path.startswith("/data/"):
        path = unquote(path.partition("?")[0])
    parts = tuple(part for part in PurePosixPath(path).parts if part != "/")
    if not parts or ".." in parts or "\0" in path:
        raise DataError(
            f"{where}: its image is {brief(address)}; a path below the directory of the images is"
            " needed",
            fault="damaged",
        )
    return parts
