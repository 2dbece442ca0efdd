"""Images annotated with LabelMe (github.com/wkentaro/labelme): a JSON file for each."""

import logging
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from seg.data.readers.dataset_root import find_root
from seg.data.readers.image_label_pairs import NO_ANNOTATION, PairDataset, match_pairs
from seg.data.readers.labelme_pairs import AnnotatedTree, Annotation, unique_names
from seg.data.readers.polygons import PolygonLabels
from seg.data.readers.readers import ReadLabel
from seg.data.readers.shape_classes import (
    BACKGROUND,
    Unlabelled,
    check_unlabelled,
    shape_classes,
    sorted_labels,
)
from seg.data.readers.splits import (
    find_split,
    no_split_error,
    split_names,
    split_subset,
)
from seg.data.readers.unannotated_frames import Unannotated, WithBackground, settle_unlabelled
from seg.data.readers.unread_files import log_loose_files
from seg.errors import DataError, first_of

_LABELME_BACKGROUND = "_background_"
_ROOT = PurePosixPath()
_HOW_TO_GET = (
    "save images and LabelMe's JSON files of the same names in <split>/ (train, val, test),\n"
    "  or all in one directory, which dataset.val_fraction splits"
)
_log = logging.getLogger(__name__)


class LabelMe(PairDataset):
    """One split of images with LabelMe's shapes.

    Files: `<split>/**` or `*/<split>/**` holds images; their JSON files may lie anywhere below the
    root. `imagePath` in a JSON file names its image, else the name does
    (`seg.data.readers.labelme_pairs`). Without directories for splits a fixed part of the names
    becomes `val`, the rest `train`. The image file is read, not the copy (`imageData`) that a JSON
    file may hold.

    Args:
        split: `train`, `val`, `test` or the name of another split's directory.
        root: the directory; None: `$SEG_DATA/labelme` or `data/labelme`.
        classes: the labels, in the order of the train ids; None: those that occur in any split,
            sorted.
        unlabelled: the meaning of pixels of no shape: the class `background` (train id 0), or
            `ignored`. A label `_background_` is that class, too.
        unannotated: images without a JSON file are an `error`, `background`, or left out
            (`exclude`).
        ignored: labels whose pixels neither train nor score.
        val_fraction: share of the names that is `val`, where no directories split them.
        val_seed: of the choice of these names.

    Raises:
        ConfigError: an option is wrong.
        DataError: files are missing or do not pair up, or no shape has a label.
    """

    def __init__(
        self,
        *,
        split: str,
        root: str | Path | None = None,
        classes: Sequence[str] | None = None,
        unlabelled: Unlabelled = "background",
        unannotated: Unannotated = "error",
        ignored: Sequence[str] = ("__ignore__",),
        val_fraction: float = 0.1,
        val_seed: int = 0,
    ) -> None:
        check_unlabelled("LabelMe", unlabelled, unannotated)
        where = find_root(root, dataset="labelme", expected=(), how_to_get=_HOW_TO_GET)
        if not where.is_dir():
            find_root(root, dataset="labelme", expected=(split,), how_to_get=_HOW_TO_GET)
        tree = AnnotatedTree(where)
        directories = _split_directories(tree, split)
        names = classes if classes is not None else _occurring(tree, ignored, unlabelled)
        aliases = {_LABELME_BACKGROUND} - set(ignored)
        plain = [BACKGROUND if name in aliases else name for name in names]
        table = shape_classes(plain, ignored, unlabelled, where)
        settled = settle_unlabelled("LabelMe", *_files(tree, directories), unannotated)
        pairing = match_pairs(*settled, unlabelled_fault=NO_ANNOTATION)
        if directories == [_ROOT]:
            pairing = split_subset(
                pairing, split, val_fraction=val_fraction, seed=val_seed, where=where
            )
        ids = {entry.name: entry.id for entry in table.entries}
        if BACKGROUND in ids:
            ids[_LABELME_BACKGROUND] = ids[BACKGROUND]
        rest = ids[BACKGROUND] if unlabelled == "background" else table.labels.ignore_index
        read: ReadLabel = PolygonLabels(ids, unlabelled=rest)
        if unannotated == "background":
            read = WithBackground(pairing.pairs, read, rest)
        super().__init__(pairing, labels=table.labels, split=split, read=read)


def _split_directories(tree: AnnotatedTree, split: str) -> list[PurePosixPath]:
    """Return the directories of a split's images; the root where nothing splits them."""
    where = tree.root
    outer = [path.name for path in where.iterdir() if path.is_dir()]
    if name := find_split(split, outer, where):
        apart = {each.path.parts[0] for each in tree.pairs.values()}
        log_loose_files(where, apart={name, *split_names(outer), *apart})
        return [PurePosixPath(name)]
    if split_names(outer):
        raise no_split_error(split, split_names(outer), where)
    inner = {image.parts[1] for image in tree.images if len(image.parts) > 2}
    if not split_names(inner):
        return [_ROOT]
    name = find_split(split, inner, f"{where}/*")
    if name is None:
        raise no_split_error(split, split_names(inner), f"{where}/*")
    return sorted({PurePosixPath(*image.parts[:2]) for image in tree.images
                   if len(image.parts) > 2 and image.parts[1] == name})  # fmt: skip


def _files(
    tree: AnnotatedTree, directories: Sequence[PurePosixPath]
) -> tuple[dict[str, Path], dict[str, Path]]:
    """Return the images of a split and their JSON files by name, with JSON files of no image."""

    def is_of_split(path: PurePosixPath) -> bool:
        return any(path.is_relative_to(directory) for directory in directories)

    chosen = [image for image in tree.images if is_of_split(image)]
    if not chosen:
        raise _no_images(tree, directories)
    names = unique_names(chosen, directories)
    images = {names[image]: tree.root / image for image in chosen}
    labels = {
        names[image]: tree.root / tree.pairs[image].path for image in chosen if image in tree.pairs
    }
    alone = [each.path for each in tree.unpaired if is_of_split(each.path) or _is_of_no_split(each)]
    labels |= {str(path): tree.root / path for path in alone}
    if not labels:
        place = ", ".join(str(tree.root / each) for each in directories)
        raise DataError(f"no files in {place}\n  looked for LabelMe's JSON files of its images")
    return images, labels


def _is_of_no_split(annotation: Annotation) -> bool:
    """Return whether a LabelMe file lies outside of the directories of all splits."""
    fault = annotation.fault
    is_other_json = fault is not None and fault.fault == "label_kind"
    return not is_other_json and not split_names(annotation.path.parts)


def _no_images(tree: AnnotatedTree, directories: Sequence[PurePosixPath]) -> DataError:
    place = ", ".join(str(tree.root / each) for each in directories)
    elsewhere = [each.image_path for each in tree.unpaired if each.image_path]
    hint = f"\n  {_HOW_TO_GET}"
    if elsewhere:
        hint = (
            f"\n  imagePath of {len(elsewhere)} JSON files: {first_of(elsewhere)}\n"
            "  dataset.root is the directory that holds both images and JSON files"
        )
    return DataError(f"no files in {place}\n  looked for images{hint}")


def _occurring(tree: AnnotatedTree, ignored: Sequence[str], unlabelled: Unlabelled) -> list[str]:
    where = tree.root
    labels: set[str] = {label for each in tree.annotations for label in each.labels}
    # Reading the sample reports it.
    faults = [each.fault for each in tree.annotations if each.fault is not None]
    if faults and not labels:
        raise faults[0]
    if faults:
        _log.warning("%d files could not be read for their labels: %s", len(faults), faults[0])
    plain = {BACKGROUND if name == _LABELME_BACKGROUND else name for name in labels}
    names = sorted_labels(plain, ignored, where)
    if BACKGROUND in names and (unlabelled == "background" or _LABELME_BACKGROUND in labels):
        names.remove(BACKGROUND)  # it comes first
        if unlabelled != "background":
            names.insert(0, BACKGROUND)
    return names
