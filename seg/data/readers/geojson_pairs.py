"""Which GeoJSON file belongs to which image: beside it, in another directory, or one for all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from seg.data.readers.image_label_pairs import IMAGE_SUFFIXES
from seg.data.readers.path_templates import split_of
from seg.data.readers.splits import find_split, no_split_error
from seg.data.readers.unread_files import is_hidden, log_once
from seg.errors import ConfigError, DataError, first_of

_SUFFIXES = (".geojson", ".json")
_GEOJSON = _SUFFIXES[:1]
_OTHER_FORMATS = (".gpkg", ".shp", ".kml", ".gml", ".fgb")


@dataclass(frozen=True)
class GeoJsonTree:
    """The images of a dataset and their GeoJSON files.

    Attributes:
        root: the directory of the dataset.
        images: below the root, sorted.
        files: of each image that has a file of its own, that file.
        shared: the file that holds the polygons of all images; None: each has its own.
        alone: files of no image.
    """

    root: Path
    images: tuple[PurePosixPath, ...]
    files: Mapping[PurePosixPath, Path]
    shared: Path | None = None
    alone: tuple[Path, ...] = ()

    def of_split(self, split: str) -> tuple[list[PurePosixPath], list[Path], bool]:
        """Return the images and the lonely files of a split, and whether directories split them.

        Raises:
            DataError: there is no such split.
        """
        splits = {name for image in self.images for name in split_of(image)[:1]}
        if not splits:
            return list(self.images), list(self.alone), False
        name = find_split(split, splits, self.root)
        if name is None:
            raise no_split_error(split, splits, self.root)
        images = [image for image in self.images if split_of(image)[:1] == [name]]
        alone = [path for path in self.alone if self._split(path) in ([], [name])]
        return images, alone, True

    def _split(self, path: Path) -> list[str]:
        inside = path.is_relative_to(self.root)
        return split_of(PurePosixPath(path.relative_to(self.root)))[:1] if inside else []


def find_tree(root: Path, images: str, annotations: str | None) -> GeoJsonTree:
    """Find images and GeoJSON files.

    Args:
        root: the directory of the dataset.
        images: the directory of the images, below the root.
        annotations: a GeoJSON file for all images, or the directory of the files, with the paths
            that images have below theirs; relative to the root. None: `a.geojson` lies beside
            `a.tif`, or in a directory that differs in one part of its path; or there is one file.

    Raises:
        ConfigError: an option names nothing.
        DataError: there are no images or no files, or a file is that of several images.
    """
    directory = root / images
    if not directory.is_dir():
        raise ConfigError(f"dataset.images={images}: no such directory ({directory.absolute()})")
    found = [root.joinpath(path) for path in _files(root, directory, IMAGE_SUFFIXES)]
    paths = tuple(PurePosixPath(path.relative_to(root).as_posix()) for path in found)
    if not paths:
        raise DataError(f"no files in {directory}\n  looked for images of GeoJSON files")
    if annotations is None:
        return _paired(root, paths)
    place = root / annotations
    if place.is_file():
        return GeoJsonTree(root, paths, {}, place)
    if not place.is_dir():
        raise ConfigError(f"dataset.annotations={annotations}: no such file or directory ({place})")
    files = {path.with_suffix(""): place / path for path in _files(place, place, _SUFFIXES)}
    own = {path: files[stem] for path, stem in zip(
        paths, [PurePosixPath((root / path).relative_to(directory).as_posix()).with_suffix("")
                for path in paths], strict=True) if stem in files}  # fmt: skip
    return _tree(root, paths, own, list(files.values()), place)


def _files(root: Path, directory: Path, suffixes: Sequence[str]) -> list[PurePosixPath]:
    """Return the files of these suffixes at any depth, relative to a root, sorted."""
    relative = (
        path.relative_to(root)
        for path in sorted(directory.rglob("*"))
        if path.suffix.lower() in suffixes and path.is_file()
    )
    return [PurePosixPath(path.as_posix()) for path in relative if not is_hidden(path)]


def _paired(root: Path, images: tuple[PurePosixPath, ...]) -> GeoJsonTree:
    files = _files(root, root, _GEOJSON)
    places: dict[PurePosixPath, list[PurePosixPath]] = {}
    for file in files:
        for key in _keys(file):
            places.setdefault(key, []).append(file)
    own = {}
    for image in images:
        beside = image.with_suffix("")
        meant = [file for file in places.get(beside, ()) if file.with_suffix("") == beside]
        meant = meant or [file for key in _keys(image) for file in places.get(key, ())]
        if len(set(meant)) > 1:
            raise DataError(
                f"{root}: {first_of(sorted(set(meant)))} may each be the file of {image}\n"
                "  name the directory of the files: dataset.annotations=DIRECTORY",
                fault="duplicate",
            )
        if meant:
            own[image] = root / meant[0]
    if not own and len(files) == 1:
        log_once(f"{root}: {files[0]} holds the polygons of all {len(images)} images")
        return GeoJsonTree(root, images, {}, root / files[0])
    return _tree(root, images, own, [root / file for file in files], root)


def _keys(path: PurePosixPath) -> Iterator[PurePosixPath]:
    """Yield the path without suffix, and that with each of its directories left open."""
    stem = path.with_suffix("")
    yield stem
    for at in range(len(path.parts) - 1):
        yield PurePosixPath(*path.parts[:at], "*", *stem.parts[at + 1 :])


def _tree(
    root: Path,
    images: tuple[PurePosixPath, ...],
    own: Mapping[PurePosixPath, Path],
    files: Sequence[Path],
    place: Path,
) -> GeoJsonTree:
    owners: dict[Path, list[PurePosixPath]] = {}
    for image, file in own.items():
        owners.setdefault(file, []).append(image)
    for file, several in owners.items():
        if len(several) > 1:
            raise DataError(
                f"{file}: is the file of {len(several)} images: {first_of(several)}\n"
                "  keep one of them, or name the directory of the images: dataset.images=DIRECTORY",
                fault="duplicate",
            )
    if not own:
        listed = first_of([path.name for path in files]) or "none"
        if others := _files(root, root, _OTHER_FORMATS):
            raise DataError(
                f"{place}: no GeoJSON file has the name of an image, and {others[0]} is of another"
                " format\n  convert it: ogr2ogr -f GeoJSON -lco RFC7946=YES OUT.geojson"
                f" {others[0].name}",
                fault="missing",
            )
        raise DataError(
            f"{place}: none of {len(images)} images has a GeoJSON file of its name; files: {listed}"
            "\n  a.geojson belongs to a.tif; one file for all images:"
            " dataset.annotations=FILE.geojson",
            fault="missing",
        )
    alone = tuple(file for file in files if file not in owners)
    return GeoJsonTree(root, images, own, None, alone)
