"""Images annotated with the VGG Image Annotator: its projects, and its exports as JSON or CSV."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from seg.data.readers.class_table import CLASS_FILES
from seg.data.readers.dataset_root import find_root
from seg.data.readers.drawn_pairs import pair_drawn, sample_names
from seg.data.readers.image_label_pairs import IMAGE_SUFFIXES, PairDataset
from seg.data.readers.label_studio_images import image_path
from seg.data.readers.shape_classes import (
    BACKGROUND,
    Unlabelled,
    check_unlabelled,
    shape_classes,
    sorted_labels,
)
from seg.data.readers.splits import (
    check_choice,
    find_split,
    no_split_error,
    split_names,
    split_subset,
)
from seg.data.readers.unannotated_frames import Unannotated
from seg.data.readers.unread_files import is_hidden, log_unlisted
from seg.data.readers.via_file import ViaFile, read_via_file
from seg.data.readers.via_labels import (
    OverlapOrder,
    Undrawn,
    ViaDrawing,
    ViaLabels,
    drawn_regions,
)
from seg.data.readers.via_regions import RegionClasses, ViaImage, find_region_classes
from seg.errors import ConfigError, DataError, first_of

_SUFFIXES = (".json", ".csv")
_HOW_TO_GET = (
    "in the VGG Image Annotator save the project, or export annotations as JSON or CSV,\n"
    "  and put the file beside the images"
)


@dataclass(frozen=True)
class _Entry:
    file: ViaFile
    image: ViaImage
    path: Path


class Via(PairDataset):
    """One split of images of the VGG Image Annotator, versions 1, 2 and 3.

    Files: one annotation file in each directory `<split>/` (train, val, test), beside its images;
    or `<split>.json`, `<split>.csv` in the root; or one file in the root, of whose images a fixed
    part becomes `val` and the rest `train`. Images are found by the ends of their names or
    addresses, in the directory of the file and in the root, and in `images/` there.

    Args:
        split: `train`, `val`, `test` or the name of another directory or file.
        root: the directory; None: `$SEG_DATA/via` or `data/via`.
        annotations: the annotation file, below the root; None: as above.
        images: the directory of the images, below the root; None: as above.
        class_attribute: the attribute of regions that holds the class; None: the only one.
        default_class: the class of regions that have no value of it; None: they are an error.
        classes: the labels, in the order of the train ids; None: the options of the attribute,
            then those that occur in any split, sorted.
        overlap_order: which region lies on top: the later in the file, as the tool draws them
            (`file`), or the smaller (`area`; of equal ones the later).
        undrawn: points, lines and polylines are an `error`, or left out (`exclude`).
        unlabelled: the meaning of pixels of no region: the class `background` (train id 0), or
            `ignored`.
        unannotated: images without a region are an `error`, `background`, or left out
            (`exclude`).
        ignored: labels whose pixels neither train nor score.
        val_fraction: share of the images that is `val`, where one file holds all.
        val_seed: of the choice of these images.

    Raises:
        ConfigError: an option is wrong, or the attribute has to be chosen.
        DataError: files are missing, or what is wrong with which region.
    """

    def __init__(
        self,
        *,
        split: str,
        root: str | Path | None = None,
        annotations: str | None = None,
        images: str | None = None,
        class_attribute: str | None = None,
        default_class: str | None = None,
        classes: Sequence[str] | None = None,
        overlap_order: OverlapOrder = "file",
        undrawn: Undrawn = "error",
        unlabelled: Unlabelled = "background",
        unannotated: Unannotated = "error",
        ignored: Sequence[str] = (),
        val_fraction: float = 0.1,
        val_seed: int = 0,
    ) -> None:
        check_choice("VIA", "overlap_order", overlap_order, get_args(OverlapOrder))
        check_choice("VIA", "undrawn", undrawn, get_args(Undrawn))
        check_unlabelled("VIA", unlabelled, unannotated)
        where = find_root(root, dataset="via", expected=(), how_to_get=_HOW_TO_GET)
        if not where.is_dir():
            find_root(root, dataset="via", expected=("*.json",), how_to_get=_HOW_TO_GET)
        paths, is_split = _files(where, split, annotations)
        files = [read_via_file(path) for path in paths]
        named = _region_classes(files, class_attribute, default_class, where)
        names = classes if classes is not None else _names(files, named, ignored, where)
        table = shape_classes(names, ignored, unlabelled, where)
        entries = _entries(files[0], where, images)
        if len(files) == 1:
            _log_unlisted(entries, where, paths[0])
        fails = undrawn == "error"  # reading an image reports what is not drawn
        listed = {}
        for name, each in entries.items():
            regions = each.image.regions if fails else drawn_regions(each.image.regions)
            listed[name] = (each.path, any(True for _ in regions))
        pairing = pair_drawn("VIA", listed, unannotated, annotations=paths[0], where=paths[0])
        if not is_split:
            pairing = split_subset(
                pairing, split, val_fraction=val_fraction, seed=val_seed, where=paths[0]
            )
        ids = {entry.name: entry.id for entry in table.entries}
        rest = ids[BACKGROUND] if unlabelled == "background" else table.labels.ignore_index
        by_path = {str(each.path): (each.file, each.image) for each in entries.values()}
        read = ViaLabels(by_path, ids, ViaDrawing(named, rest, undrawn, overlap_order))
        super().__init__(pairing, labels=table.labels, split=split, read=read)


def _files(where: Path, split: str, annotations: str | None) -> tuple[list[Path], bool]:
    """Return the file of a split, then those of others, and whether the files are splits."""
    if annotations is not None:
        path = where / annotations
        if not path.is_file():
            raise ConfigError(
                f"dataset.annotations={annotations}: no such file ({path.absolute()})"
            )
        return [path], False
    directories = {path.name: path for path in where.iterdir() if path.is_dir()}
    apart = {
        name: _annotation_files(directories[name])
        for name in split_names(directories)
        if _annotation_files(directories[name])
    }
    in_root = _annotation_files(where)
    for each, listed in apart.items():
        if len(listed) > 1:
            raise _several(directories[each], listed)
    files = {each: listed[0] for each, listed in apart.items()}
    files = files or {path.stem: path for path in in_root}
    splits = split_names(files)
    name = find_split(split, files, where)
    if name is not None:
        return [files[name], *(files[each] for each in splits if each != name)], True
    if splits:
        raise no_split_error(split, splits, where)
    if len(in_root) > 1:
        raise _several(where, in_root)
    if not in_root:
        raise DataError(
            f"{where}: no annotation file (*.json, *.csv)\n  to get it: {_HOW_TO_GET}",
            fault="missing",
        )
    return in_root, False


def _annotation_files(directory: Path) -> list[Path]:
    return [
        path
        for path in sorted(directory.iterdir())
        if path.suffix.lower() in _SUFFIXES
        and path.name not in CLASS_FILES
        and not is_hidden(path.relative_to(directory))
        and path.is_file()
    ]


def _several(where: Path, files: Sequence[Path]) -> DataError:
    return DataError(
        f"{where}: {len(files)} annotation files: {first_of([path.name for path in files])}\n"
        "  keep one of them there, or name it: dataset.annotations=FILE"
    )


def _region_classes(
    files: Sequence[ViaFile], attribute: str | None, default: str | None, where: Path
) -> RegionClasses:
    regions = [
        region for file in files for image in file.images for region in drawn_regions(image.regions)
    ]
    options: dict[str, dict[str, str]] = {}
    for file in files:
        for name, texts in file.options.items():
            known = options.setdefault(name, {})
            if any(known.get(id_, text) != text for id_, text in texts.items()):
                raise DataError(
                    f"{where}: the options of the attribute {name!r} have other texts in"
                    f" {file.path} than in {files[0].path}",
                    fault="annotation",
                )
            known.update(texts)
    return find_region_classes(regions, options, attribute, default, where)


def _names(
    files: Sequence[ViaFile], named: RegionClasses, ignored: Sequence[str], where: Path
) -> list[str]:
    """Return the texts of the options in their order, then the other labels that occur."""
    labels: set[str] = set()
    for file in files:
        for image in file.images:
            for region in drawn_regions(image.regions):
                try:
                    labels.add(named.label(region, file.path))
                except DataError:  # reading the sample reports it
                    continue
    listed = [text for text in named.texts.values() if text not in ignored]
    others = sorted_labels(labels - set(listed), ignored, where)
    names = [*listed, *others]
    if BACKGROUND in names:
        names.remove(BACKGROUND)  # it comes first
        names.insert(0, BACKGROUND)
    return names


def _entries(file: ViaFile, where: Path, images: str | None) -> dict[str, _Entry]:
    """Return the images of a file by the names of their samples."""
    entries: dict[Path, _Entry] = {}
    directories = [file.path.parent, where] if images is None else [where / images]
    for image in file.images:
        place = f"{file.path}: {image.place}"
        places = [image_path(image.address, directory, place) for directory in directories]
        path = next((each for each in places if each.is_file()), places[0])
        if (other := entries.get(path)) is not None:
            raise DataError(
                f"{file.path}: {other.image.place} and {image.place} are one file, {path}\n"
                "  delete one of them, or put images of equal names into directories and name"
                " these in the annotations",
                fault="duplicate",
            )
        entries[path] = _Entry(file, image, path)
    names = sample_names([path.relative_to(where) for path in entries])
    return dict(zip(names, entries.values(), strict=True))


def _log_unlisted(entries: dict[str, _Entry], where: Path, file: Path) -> None:
    listed = {each.path for each in entries.values()}
    unread = [
        path.relative_to(where).as_posix()
        for path in sorted(where.rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES
        and path not in listed
        and not is_hidden(path.relative_to(where))
    ]
    log_unlisted(where, unread, file)
