"""The items of `input=...`: files, directories, globs, addresses, videos, pages."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath, PurePosixPath

from seg.data.readers.band_files import BAND_LIST, band_files
from seg.data.readers.gdal import has_gdal
from seg.data.readers.image_decoding import MAX_PIXELS
from seg.data.readers.jpeg2000 import is_jpeg2000, jpeg2000_size
from seg.data.readers.map_place import is_placed, placed_beside
from seg.data.readers.tiff_pages import full_pages, is_tiff, read_pages
from seg.data.readers.unread_files import UnreadFiles, is_hidden
from seg.data.readers.urls import Location, is_remote
from seg.errors import ConfigError, DataError
from seg.prediction.georeference import RASTERS
from seg.prediction.items import Item, Kind
from seg.prediction.remote_input import first_wildcard, is_glob, remote_files
from seg.prediction.video import video_items

IMAGES = (
    *(".bmp", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm"),
    *(".tif", ".tiff", ".webp"),
)
ARRAYS = (".npy", ".npz")
"""Suffixes of files that are images where no others lie; beside others they are results."""
VIDEOS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".webm", ".wmv")
CAMERA = "webcam:"
# Names that end so state where an image lies on the map.
_SIDE_FILES = (".aux.xml", ".bpw", ".j2w", ".jgw", ".pgw", ".tfw", ".tifw", ".wld")
_START = 2**16  # of a JPEG 2000 file, with its boxes before the pixels


def list_items(
    location: str, *, output: Location, frame_step: int = 1, max_frames: int | None = None
) -> list[Item]:
    """List everything that `input` stands for, in a stable order.

    Args:
        location: a file; a directory, searched with its subdirectories; a glob (`**` crosses
            directories); files of one band each, `*_{b2,b3,b8}.tif`; an address of an object store,
            of a file, a directory or a glob.
        output: files below it are no input.
        frame_step: every n-th frame of a video.
        max_frames: at most so many frames of each video.

    Returns:
        items named by an image's path below the directory (or the glob's fixed part) without its
        suffix; `NAME/000123` for frame 123 of a video, from 0; `NAME/page_0003` for the third page
        of a TIFF with several.

    Raises:
        DataError: nothing is there, or two files would get one name.
        ConfigError: the results would lie among the images.
    """
    files: dict[str, tuple[str, str]] = {}
    for name, source, version in _sources(location, output):
        if name in files:
            raise DataError(
                f"{files[name][0]} and {source} would both become {name}.png; "
                "rename one or move it away"
            )
        files[name] = (source, version)
    items: list[Item] = []
    for name, (source, version) in files.items():
        suffix = PurePosixPath(source).suffix.lower()
        if suffix in VIDEOS and is_remote(source):
            fault = f"{source}: videos are read from local files; copy it first"
            items.append(Item(name, source, "frame", version=version, fault=fault))
        elif suffix in VIDEOS:
            items += video_items(name, Path(source), version, step=frame_step, most=max_frames)
        elif is_remote(source):
            items.append(Item(name, source, version=version))
        elif bands := band_files(source):
            (place, *_) = _raster_items(name, Path(str(next(iter(bands.values())))), version)
            items.append(Item(name, source, version=version, placed=place.placed))
        elif suffix in RASTERS:
            items += _raster_items(name, Path(source), version)
        else:
            items.append(Item(name, source, version=version, placed=placed_beside(Path(source))))
    return items


def _sources(location: str, output: Location) -> Iterator[tuple[str, str, str]]:
    """Yield name without suffix, path or address, and version of each file or set of files."""
    bands = BAND_LIST.search(location)
    if bands and not is_remote(location) and not Path(location).exists():
        return _files_of_bands(location, bands, output)
    return _files(location, output)


def _files(location: str, output: Location) -> Iterator[tuple[str, str, str]]:
    """Yield name without suffix, path or address, and version; in order.

    Hidden files and those of other suffixes are no inputs; a log line counts them by kind.
    """
    if not is_remote(location) and Path(location).is_file():
        yield Path(location).stem, location, _version(Path(location))
        return
    unread = UnreadFiles(location)
    pattern = _split(location)[1].parts if is_remote(location) or is_glob(location) else ()
    names_hidden = any(part.startswith(".") for part in pattern)
    images, arrays = [], []
    for relative, source, version in _listed(location, output):
        hidden = is_hidden(relative) and not names_hidden
        suffix = relative.suffix.lower()
        if not hidden and suffix in (*IMAGES, *VIDEOS):
            images.append((relative, source, version))
        elif not hidden and suffix in ARRAYS:
            arrays.append((relative, source, version))
        elif hidden or not relative.name.lower().endswith(_SIDE_FILES):
            unread.add(relative)
    if images:
        for relative, *_ in arrays:
            unread.add(relative)
    for relative, source, version in images or arrays:
        yield relative.with_suffix("").as_posix(), source, version
    if not images and not arrays:
        skipped = f"\n  {unread.line}" if unread else ""
        raise DataError(
            f"input={location}: holds no image ({', '.join((*IMAGES, *VIDEOS))}){skipped}"
        )
    unread.log()


def _files_of_bands(
    location: str, bands: re.Match[str], output: Location
) -> Iterator[tuple[str, str, str]]:
    """Yield what `_files` yields of images whose bands lie in a file each, `*_{b2,b3,b8}.tif`."""
    names, after = bands[1].split(","), location[bands.end() :]
    if is_glob(after):
        raise ConfigError(
            f"input={location}: wildcards stand before the bands, such as"
            " input='scenes/*_{b2,b3,b8}.tif'"
        )
    first = location[: bands.start()] + names[0] + after
    listed: Iterable[tuple[PurePath, str, str]]
    if Path(first).is_file():
        listed = [(PurePath(Path(first).name), first, "")]
    else:
        listed = _listed(first, output)
    count = 0
    for relative, source, _ in listed:
        start = source.removesuffix(names[0] + after)
        files = [Path(start + name + after) for name in names]
        name = relative.as_posix().removesuffix(names[0] + after).rstrip("_-./")
        version = "+".join(_version(file) if file.is_file() else "missing" for file in files)
        yield name or Path(start).name or "image", start + bands[0] + after, version
        count += 1
    if not count:
        raise DataError(f"input={location}: holds no image; looked for {first}")


def _listed(location: str, output: Location) -> Iterator[tuple[PurePath, str, str]]:
    """Yield all files but the results: path below the directory, path or address, version."""
    if is_remote(location):
        results = f"{str(output).rstrip('/')}/"
        if f"{location.rstrip('/')}/" == results:
            raise _output_is_input_error(output)
        return (each for each in remote_files(location) if not each[1].startswith(results))
    if Path(location).is_dir():
        if Path(location).resolve() == Path(output).resolve():
            raise _output_is_input_error(output)
        return _below(Path(location), sorted(Path(location).rglob("*")), output)
    if is_glob(location):
        directory, pattern = _split(location)
        return _below(directory, sorted(directory.glob(pattern.as_posix())), output)
    raise DataError(f"input={location}: no such file or directory")


def _split(glob: str) -> tuple[Path, Path]:
    """Return the directories of a glob before its first wildcard, and the rest."""
    parts = (PurePosixPath(glob) if is_remote(glob) else Path(glob)).parts
    first = first_wildcard(parts)
    return Path(*parts[:first]), Path(*parts[first:])


def _output_is_input_error(output: Location) -> ConfigError:
    """Return the error of an output that is the input."""
    return ConfigError(
        f"output={output}: is the directory of the images; a second call would take the results "
        "for images, and those would be lost; choose another directory"
    )


def _below(
    directory: Path, paths: Iterable[Path], output: Location
) -> Iterator[tuple[PurePath, str, str]]:
    """Yield the files below a directory that are not below the output."""
    written = Path(output).resolve()
    inside = written != directory.resolve() and written.is_relative_to(directory.resolve())
    for path in paths:
        if not path.is_file() or (inside and path.resolve().is_relative_to(written)):
            continue
        yield path.relative_to(directory), str(path), _version(path)


def _version(path: Path) -> str:
    """Return size and time of a file, which change when it is replaced."""
    status = path.stat()
    return f"{status.st_size}-{status.st_mtime_ns}"


def _raster_items(name: str, path: Path, version: str) -> list[Item]:
    """List the items of a TIFF or JPEG 2000 file: its pages, one image, or with GDAL a raster."""
    try:
        with path.open("rb") as file:
            start = file.read(_START)
            file.seek(0)
            pages = full_pages(read_pages(file)) if is_tiff(start) else ()
    except Exception:  # damaged: the error comes when it is read
        return [Item(name, str(path), version=version)]
    if len(pages) > 1:
        return [
            Item(f"{name}/page_{number:04d}", str(path), "page", page.position, version,
                 placed=page.placed or (number == 1 and placed_beside(path)))
            for number, page in enumerate(pages, 1)
        ]  # fmt: skip
    if not pages and not is_jpeg2000(start):  # another format under that name
        return [Item(name, str(path), version=version, placed=placed_beside(path))]
    page = pages[0] if pages else None
    placed = is_placed(path, start, page)
    height, width = jpeg2000_size(start) if page is None else (page.height, page.width)
    kind: Kind = "image"  # an overview or a mask may stand beside the one page
    fault = ""
    if has_gdal() and (placed or height * width > MAX_PIXELS):
        kind = "raster"
        if page is not None and page.orientation != 1:
            fault = (
                f"{path}: a raster with orientation {page.orientation}, which GDAL does not turn\n"
                "  turn its pixels and save it without the tag"
            )
    return [Item(name, str(path), kind, version=version, fault=fault, placed=placed)]
