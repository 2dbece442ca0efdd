"""Images with polygons of GeoJSON files (RFC 7946): of maps, or of QuPath (qupath.github.io)."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import get_args

from seg.data.readers.dataset_root import find_root
from seg.data.readers.drawn_pairs import pair_drawn, sample_names
from seg.data.readers.gdal import INSTALL, has_gdal
from seg.data.readers.geojson_classes import FeatureClasses, find_classes
from seg.data.readers.geojson_drawing import (
    GeoJsonDrawing,
    OverlapOrder,
    Unclassified,
    Undrawn,
    check_drawn,
)
from seg.data.readers.geojson_file import GeoJsonFile, read_file
from seg.data.readers.geojson_labels import GeoJsonLabels
from seg.data.readers.geojson_pairs import GeoJsonTree, find_tree
from seg.data.readers.geojson_place import Coordinates
from seg.data.readers.image_label_pairs import (
    PairDataset,
    Pairing,
    UnmatchedFile,
    unmatched_error,
)
from seg.data.readers.shape_classes import (
    BACKGROUND,
    Unlabelled,
    check_unlabelled,
    shape_classes,
    sorted_labels,
)
from seg.data.readers.splits import check_choice, split_subset
from seg.data.readers.unannotated_frames import Unannotated
from seg.data.readers.unread_files import log_once
from seg.errors import ConfigError, DataError

_HOW_TO_GET = (
    "put images and their GeoJSON files of the same names in one directory, a.tif with a.geojson;\n"
    "  or GeoTIFFs with one GeoJSON file for all"
)


class GeoJson(PairDataset):
    """One split of images with polygons in GeoJSON files.

    Files: images anywhere below the root, each with its GeoJSON file beside it or in another
    directory, or one GeoJSON file for all (`seg.data.readers.geojson_pairs`). A directory called
    `train`, `val` or `test` in the path of an image is its split; without any a fixed part of the
    images becomes `val`, the rest `train`.

    Coordinates of the map are brought into the reference system of each raster, corner by corner.
    Polygons are burnt as `rasterio.features.rasterize` does in pixels: one covers the pixels whose
    centres it contains.

    Args:
        split: `train`, `val`, `test` or the name of another split's directory.
        root: the directory; None: `$SEG_DATA/geojson` or `data/geojson`.
        images: the directory of the images, in the root.
        annotations: one GeoJSON file for all images, or the directory of the files; None: they are
            looked for.
        class_property: the property that holds the class, with dots for members of members; None:
            QuPath's `classification`, `class`, `label`, `category`, `class_name`, or the only one.
        classes: the classes, in the order of the train ids; None: those that occur in any split,
            sorted.
        coordinates: `map`, or `pixels` from the upper left corner of the image; `auto`: pixels in
            files of QuPath, the map in others.
        crs: of map coordinates in files that name none: `EPSG:<number>`, or `raster`: as each
            raster; None: WGS84, as RFC 7946 has it.
        object_types: what is drawn of QuPath's objects (`annotation`, `detection`); empty: all.
        unclassified: polygons without a class are an `error`, or left out (`exclude`).
        undrawn: points and lines are an `error`, or left out (`exclude`).
        overlap_order: which polygon lies on top: the later in the file (`file`), or the smaller
            (`area`; of equal ones the later).
        unlabelled: the meaning of pixels of no polygon: the class `background` (train id 0), or
            `ignored`.
        unannotated: images without a GeoJSON file, or that no polygon's extent meets in one for
            all, are an `error`, `background`, or left out (`exclude`).
        ignored: classes whose pixels neither train nor score.
        val_fraction: share of the images that is `val`, where no directories split them.
        val_seed: of the choice of these images.

    Raises:
        ConfigError: an option is wrong, or the extra `rasters` is missing.
        DataError: files are missing or do not pair up, or what is wrong with which feature.
    """

    def __init__(
        self,
        *,
        split: str,
        root: str | Path | None = None,
        images: str = ".",
        annotations: str | None = None,
        class_property: str | None = None,
        classes: Sequence[str] | None = None,
        coordinates: Coordinates = "auto",
        crs: str | None = None,
        object_types: Sequence[str] = (),
        unclassified: Unclassified = "error",
        undrawn: Undrawn = "error",
        overlap_order: OverlapOrder = "file",
        unlabelled: Unlabelled = "background",
        unannotated: Unannotated = "error",
        ignored: Sequence[str] = ("Ignore*",),
        val_fraction: float = 0.1,
        val_seed: int = 0,
    ) -> None:
        _check_choices(coordinates, unclassified, undrawn, overlap_order)
        check_unlabelled("GeoJSON", unlabelled, unannotated)
        if not has_gdal():
            raise ConfigError(f"dataset=geojson: polygons are drawn by rasterio: {INSTALL}")
        where = find_root(root, dataset="geojson", expected=(), how_to_get=_HOW_TO_GET)
        tree = find_tree(where, images, annotations)
        read = _read_files(tree, class_property)
        sound = [file for file in read.values() if isinstance(file, GeoJsonFile)]
        fault = next((file for file in read.values() if isinstance(file, DataError)), None)
        if fault is not None and (self._is_strict or not sound):
            raise fault
        named = find_classes(sound, class_property, classes)
        drawing = GeoJsonDrawing(
            0, coordinates, crs, tuple(object_types), unclassified, undrawn, overlap_order,
            tree.shared is not None, unannotated == "background",
        )  # fmt: skip
        names = (
            classes if classes is not None else _occurring(sound, named, drawing, ignored, where)
        )
        table = shape_classes(names, ignored, unlabelled, where)
        ids = {entry.name: entry.id for entry in table.entries}
        rest = ids[BACKGROUND] if unlabelled == "background" else table.labels.ignore_index
        drawing = replace(drawing, rest=rest)
        _log_choices(sound, named, drawing, where)
        pairing, is_split = _pairing(tree, read, split, drawing, unannotated)
        if not is_split:
            pairing = split_subset(
                pairing, split, val_fraction=val_fraction, seed=val_seed, where=where
            )
        files = {str(pair.image): read[path] for pair in pairing.pairs
                 if (path := _file_of(tree, pair.image)) is not None}  # fmt: skip
        super().__init__(
            pairing,
            labels=table.labels,
            split=split,
            read=GeoJsonLabels(files, ids, named, drawing),
        )


Read = Mapping[Path, GeoJsonFile | DataError]


def _check_choices(
    coordinates: Coordinates,
    unclassified: Unclassified,
    undrawn: Undrawn,
    overlap_order: OverlapOrder,
) -> None:
    for key, value, kind in (
        ("coordinates", coordinates, Coordinates),
        ("unclassified", unclassified, Unclassified),
        ("undrawn", undrawn, Undrawn),
        ("overlap_order", overlap_order, OverlapOrder),
    ):
        check_choice("GeoJSON", key, value, get_args(kind))


def _read_files(tree: GeoJsonTree, class_property: str | None) -> Read:
    """Return the content of all files, or what is wrong with them."""
    if tree.shared is not None:
        return {tree.shared: read_file(tree.shared, class_property)}
    read: dict[Path, GeoJsonFile | DataError] = {}
    for path in tree.files.values():
        try:
            read[path] = read_file(path, class_property)
        except DataError as error:
            read[path] = error
    return read


def _file_of(tree: GeoJsonTree, image: object) -> Path | None:
    if tree.shared is not None:
        return tree.shared
    return tree.files.get(PurePosixPath(Path(str(image)).relative_to(tree.root).as_posix()))


def _occurring(
    files: Sequence[GeoJsonFile],
    named: FeatureClasses,
    drawing: GeoJsonDrawing,
    ignored: Sequence[str],
    where: Path,
) -> list[str]:
    labels: set[str] = set()
    faults = []
    for file in files:
        try:
            classes = named(file)
        except DataError as error:  # reading the sample reports it
            faults.append(error)
            continue
        chosen = drawing.chosen(file)
        labels |= {
            each for each, is_drawn in zip(classes, chosen, strict=True) if each and is_drawn
        }
    if not labels:
        reason = f": none of them is {' or '.join(drawing.object_types)}" * bool(
            drawing.object_types
        )
        raise (
            faults[0]
            if faults
            else DataError(
                f"{where}: no feature of {len(files)} GeoJSON files has a class{reason}\n"
                "  name the classes: 'dataset.classes=[NAME]'; or the property that holds them:"
                " dataset.class_property=KEY",
                fault="annotation",
            )
        )
    names = sorted_labels(labels, ignored, where)
    if BACKGROUND in names:
        names.remove(BACKGROUND)  # it comes first
        names.insert(0, BACKGROUND)
    return names


def _pairing(
    tree: GeoJsonTree, read: Read, split: str, drawing: GeoJsonDrawing, unannotated: Unannotated
) -> tuple[Pairing, bool]:
    """Return the images of a split, which stand for their labels, and whether they are split."""
    images, alone, is_split = tree.of_split(split)
    first = next(iter(read))
    shared = read[tree.shared] if tree.shared is not None else None
    if isinstance(shared, GeoJsonFile) and images:
        drawing.place(shared, tree.root / images[0])
    listed = {}
    for name, image in zip(sample_names(images), images, strict=True):
        path = tree.root / image
        if isinstance(shared, GeoJsonFile):
            listed[name] = (path, _has_polygons(shared, path, drawing))
        else:
            listed[name] = (path, image in tree.files)
    where = tree.shared or tree.root
    pairing = pair_drawn("GeoJSON", listed, unannotated, annotations=first, where=where)
    lonely = tuple(UnmatchedFile(path, "label", "image") for path in alone)
    if lonely:
        error = unmatched_error(lonely, f"{len(images)} images and {len(read) + len(alone)} files")
        pairing += Pairing((), lonely, error)
    return pairing, is_split


def _has_polygons(file: GeoJsonFile, image: Path, drawing: GeoJsonDrawing) -> bool:
    if drawing.undrawn == "error":
        check_drawn(file, drawing)
    try:
        return bool(drawing.touching(file, image, slack=0.0).any())
    except DataError:  # reading the sample reports it
        return True


def _log_choices(
    files: Sequence[GeoJsonFile], named: FeatureClasses, drawing: GeoJsonDrawing, where: Path
) -> None:
    """Log once a process how files are read, and what of them is not drawn."""
    if named.key is not None:
        log_once(f"{where}: the property {named.key!r} holds the classes")
    kinds: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for file in files:
        kinds.update(kind for kind in file.kinds if kind)
        others.update(sum(file.others.values(), Counter[str]()))
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    if len(kinds) > 1 and not drawing.object_types:
        log_once(
            f"{where}: objects of several types are drawn: {listed}; 'dataset.object_types="
            f"[{kinds.most_common(1)[0][0]}]' draws one",
            logging.WARNING,
        )
    unchosen = kinds.total() - sum(kinds[kind] for kind in drawing.object_types)
    if drawing.object_types and unchosen:
        log_once(f"{where}: {unchosen} objects are of other types and not drawn ({listed})")
    if others and drawing.undrawn == "exclude":
        listed = ", ".join(f"{count} {kind}" for kind, count in others.items())
        log_once(f"{where}: not drawn, as they have no area: {listed}", logging.WARNING)
    if nuclei := sum(file.num_nuclei for file in files):
        log_once(f"{where}: {nuclei} cells have a nucleus of their own, which is not drawn")
