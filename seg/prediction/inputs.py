"""The items of `input=...`: files, directories, globs, addresses, videos, pages."""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath, PurePosixPath

from seg.data.readers.map_place import placed_beside
from seg.data.readers.unread_files import UnreadFiles, is_hidden
from seg.data.readers.urls import Location, is_remote
from seg.errors import ConfigError, DataError
from seg.prediction.georeference import RASTERS
from seg.prediction.items import Item
from seg.prediction.remote_input import MAGIC, remote_files
from seg.prediction.tiff import raster_items
from seg.prediction.video import video_items

IMAGES = (
    *(".bmp", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm"),
    *(".tif", ".tiff", ".webp"),
)
VIDEOS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".webm", ".wmv")
CAMERA = "webcam:"
_WORLD_FILES = (".bpw", ".j2w", ".jgw", ".pgw", ".tfw", ".tifw", ".wld")


def list_items(
    location: str, *, output: Location, frame_step: int = 1, max_frames: int | None = None
) -> list[Item]:
    """List everything that `input` stands for, in a stable order.

    Args:
        location: a file; a directory, searched with its subdirectories; a glob (`**` crosses
            directories); an address of an object store, of a file, a directory or a glob.
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
    items: list[Item] = []
    for name, (source, version) in _unique_names(_files(location, output)).items():
        suffix = PurePosixPath(source).suffix.lower()
        if suffix in VIDEOS and is_remote(source):
            fault = f"{source}: videos are read from local files; copy it first"
            items.append(Item(name, source, "frame", version=version, fault=fault))
        elif suffix in VIDEOS:
            items += video_items(name, Path(source), version, step=frame_step, most=max_frames)
        elif is_remote(source):
            items.append(Item(name, source, version=version))
        elif suffix in RASTERS:
            items += raster_items(name, Path(source), version)
        else:
            items.append(Item(name, source, version=version, placed=placed_beside(Path(source))))
    return items


def _files(location: str, output: Location) -> Iterator[tuple[str, str, str]]:
    """Yield name without suffix, path or address, and version; in order.

    Hidden files and those of other suffixes are no inputs; a log line counts them by kind.
    """
    if not is_remote(location) and Path(location).is_file():
        yield Path(location).stem, location, _version(Path(location))
        return
    unread = UnreadFiles(location)
    names_hidden = any(part.startswith(".") for part in _pattern(location).parts)
    count = 0
    for relative, source, version in _listed(location, output):
        hidden = is_hidden(relative) and not names_hidden
        if not hidden and relative.suffix.lower() in (*IMAGES, *VIDEOS):
            count += 1
            yield relative.with_suffix("").as_posix(), source, version
        elif hidden or not _is_side_file(relative):
            unread.add(relative)
    if not count:
        skipped = f"\n  {unread.line}" if unread else ""
        raise DataError(
            f"input={location}: holds no image ({', '.join((*IMAGES, *VIDEOS))}){skipped}"
        )
    unread.log()


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
    if set(location) & set(MAGIC):
        directory = _fixed_part(location)
        return _below(directory, sorted(directory.glob(_pattern(location).as_posix())), output)
    raise DataError(f"input={location}: no such file or directory")


def _pattern(location: str) -> PurePath:
    """Return the part of a glob from its first wildcard on; empty without one."""
    if is_remote(location):
        parts = PurePosixPath(location).parts
        first = next((i for i, part in enumerate(parts) if set(part) & set(MAGIC)), len(parts) - 1)
        return PurePosixPath(*parts[first:])
    return (
        Path(location).relative_to(_fixed_part(location)) if set(location) & set(MAGIC) else Path()
    )


def _is_side_file(path: PurePath) -> bool:
    """Return whether a file states where an image lies on the map."""
    return path.suffix.lower() in _WORLD_FILES or path.name.lower().endswith(".aux.xml")


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


def _fixed_part(pattern: str) -> Path:
    """Return the directories of a glob before its first wildcard."""
    parts = Path(pattern).parts[:-1]
    fixed = next((i for i, part in enumerate(parts) if set(part) & set(MAGIC)), len(parts))
    return Path(*parts[:fixed])


def _unique_names(files: Iterable[tuple[str, str, str]]) -> dict[str, tuple[str, str]]:
    """Return the files by name; refuse two of one name."""
    named: dict[str, tuple[str, str]] = {}
    for name, source, version in files:
        if name in named:
            raise DataError(
                f"{named[name][0]} and {source} would both become {name}.png; "
                "rename one or move it away"
            )
        named[name] = (source, version)
    return named
