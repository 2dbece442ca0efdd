"""`input=...` -> items: files, folders, globs, addresses, videos, pages."""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath, PurePosixPath

from seg.data.readers.map_place import placed_beside
from seg.data.readers.unread_files import UnreadFiles, is_hidden
from seg.data.readers.urls import Location, is_remote
from seg.errors import ConfigError, DataError
from seg.prediction.georeference import RASTERS
from seg.prediction.items import Item
from seg.prediction.remote_input import remote_files
from seg.prediction.tiff import raster_items
from seg.prediction.video import video_items

PICTURES = (
    *(".bmp", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm"),
    *(".tif", ".tiff", ".webp"),
)
VIDEOS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".webm", ".wmv")
CAMERA = "webcam:"
_MAGIC = "*?["
_WORLD_FILES = (".bpw", ".j2w", ".jgw", ".pgw", ".tfw", ".tifw", ".wld")


def list_items(
    given: str, *, output: Location, frame_step: int = 1, max_frames: int | None = None
) -> list[Item]:
    """Everything that `input` stands for, in a stable order.

    Args:
        given: a file; a folder, searched with its subfolders; a glob (`**` crosses folders); an
            address of an object store, of a file, a folder or a glob.
        output: what lies below it is no input.
        frame_step: every n-th frame of a video.
        max_frames: at most so many frames of each video.

    Returns:
        Names: a picture's path below the folder (or the glob's fixed part) without its suffix;
        `NAME/000123` for frame 123 of a video, from 0; `NAME/page_0003` for the third page of a
        TIFF that has several.

    Raises:
        DataError: nothing is there, or two files would get one name.
        ConfigError: the results would lie among the pictures.
    """
    items: list[Item] = []
    for name, (source, version) in _named(_files(given, output)).items():
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


def _files(given: str, output: Location) -> Iterator[tuple[str, str, str]]:
    """Name without suffix, path or address, and version; in order.

    Hidden files, and those of other suffixes, are no inputs: one line counts them by kind.
    """
    if not is_remote(given) and Path(given).is_file():
        yield Path(given).stem, given, _version(Path(given))
        return
    unread = UnreadFiles(given)
    names_hidden = any(part.startswith(".") for part in _pattern(given).parts)
    count = 0
    for relative, source, version in _listed(given, output):
        hidden = is_hidden(relative) and not names_hidden
        if not hidden and relative.suffix.lower() in (*PICTURES, *VIDEOS):
            count += 1
            yield relative.with_suffix("").as_posix(), source, version
        elif hidden or not _is_side_file(relative):
            unread.add(relative)
    if not count:
        passed_over = f"\n  {unread.line}" if unread else ""
        raise DataError(
            f"input={given}: holds no picture ({', '.join((*PICTURES, *VIDEOS))}){passed_over}"
        )
    unread.log()


def _listed(given: str, output: Location) -> Iterator[tuple[PurePath, str, str]]:
    """All files but the results: path below the searched directory, path or address, version."""
    if is_remote(given):
        results = f"{str(output).rstrip('/')}/"
        if f"{given.rstrip('/')}/" == results:
            raise _output_is_input_error(output)
        return (each for each in remote_files(given) if not each[1].startswith(results))
    if Path(given).is_dir():
        if Path(given).resolve() == Path(output).resolve():
            raise _output_is_input_error(output)
        return _below(Path(given), sorted(Path(given).rglob("*")), output)
    if set(given) & set(_MAGIC):
        folder = _fixed_part(given)
        return _below(folder, sorted(folder.glob(_pattern(given).as_posix())), output)
    raise DataError(f"input={given}: no such file or folder")


def _pattern(given: str) -> PurePath:
    """The part of a glob from its first wildcard on; empty where there is none."""
    if is_remote(given):
        parts = PurePosixPath(given).parts
        first = next((i for i, part in enumerate(parts) if set(part) & set(_MAGIC)), len(parts) - 1)
        return PurePosixPath(*parts[first:])
    return Path(given).relative_to(_fixed_part(given)) if set(given) & set(_MAGIC) else Path()


def _is_side_file(path: PurePath) -> bool:
    """Whether it says where an image lies on the map."""
    return path.suffix.lower() in _WORLD_FILES or path.name.lower().endswith(".aux.xml")


def _output_is_input_error(output: Location) -> ConfigError:
    return ConfigError(
        f"output={output}: is the folder of the pictures; a second call would take the results for "
        "pictures, and those would be lost; choose another folder"
    )


def _below(
    folder: Path, paths: Iterable[Path], output: Location
) -> Iterator[tuple[PurePath, str, str]]:
    written = Path(output).resolve()
    inside = written != folder.resolve() and written.is_relative_to(folder.resolve())
    for path in paths:
        if not path.is_file() or (inside and path.resolve().is_relative_to(written)):
            continue
        yield path.relative_to(folder), str(path), _version(path)


def _version(path: Path) -> str:
    status = path.stat()
    return f"{status.st_size}-{status.st_mtime_ns}"


def _fixed_part(pattern: str) -> Path:
    """The folders of a glob before its first wildcard."""
    parts = Path(pattern).parts[:-1]
    fixed = next((i for i, part in enumerate(parts) if set(part) & set(_MAGIC)), len(parts))
    return Path(*parts[:fixed])


def _named(files: Iterable[tuple[str, str, str]]) -> dict[str, tuple[str, str]]:
    named: dict[str, tuple[str, str]] = {}
    for name, source, version in files:
        if name in named:
            raise DataError(
                f"{named[name][0]} and {source} would both become {name}.png; "
                "rename one or move it away"
            )
        named[name] = (source, version)
    return named
