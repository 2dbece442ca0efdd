"""Images annotated with LabelMe (github.com/wkentaro/labelme): a JSON file beside each."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from seg.data.readers.dataset_root import find_root
from seg.data.readers.image_label_pairs import (
    IMAGE_SUFFIXES,
    NO_ANNOTATION,
    PairDataset,
    match_pairs,
    named_files,
)
from seg.data.readers.polygons import PolygonLabels, label_names
from seg.data.readers.readers import ReadLabel
from seg.data.readers.shape_classes import (
    BACKGROUND,
    IGNORED_ID,
    Unlabelled,
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
from seg.data.readers.unannotated_frames import Unannotated, WithBackground, settle_unlabelled
from seg.data.readers.unread_files import log_loose_files
from seg.errors import ConfigError, DataError

_LABELME_BACKGROUND = "_background_"
_JSON = (".json",)
_ANY_DEPTH = "**/*"
_HOW_TO_GET = (
    "save images and LabelMe's JSON files of the same names in <split>/ (train, val, test),\n"
    "  or all in one directory, which dataset.val_fraction splits"
)
_log = logging.getLogger(__name__)


class LabelMe(PairDataset):
    """One split of images with LabelMe's shapes.

    Files: `<split>/**` holds images and JSON files of the same names. Without directories for
    splits a fixed part of the names in the root becomes `val`, the rest `train`. The image beside
    is read, not the copy (`imageData`) that a JSON file may hold.

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
        check_choice("LabelMe", "unlabelled", unlabelled, get_args(Unlabelled))
        if unannotated == "background" and unlabelled != "background":
            raise ConfigError(
                "dataset.unannotated=background needs dataset.unlabelled=background; or leave"
                " such images out: dataset.unannotated=exclude"
            )
        where = find_root(root, dataset="labelme", expected=(), how_to_get=_HOW_TO_GET)
        if not where.is_dir():
            find_root(root, dataset="labelme", expected=(split,), how_to_get=_HOW_TO_GET)
        directory = _split_directory(where, split)
        names = classes if classes is not None else _occurring(where, ignored, unlabelled)
        aliases = {_LABELME_BACKGROUND} - set(ignored)
        plain = [BACKGROUND if name in aliases else name for name in names]
        table = shape_classes(plain, ignored, unlabelled, where)
        images = named_files(directory, pattern=_ANY_DEPTH, others=_JSON)
        labels = named_files(directory, pattern=_ANY_DEPTH, suffixes=_JSON, others=IMAGE_SUFFIXES)
        settled = settle_unlabelled("LabelMe", images, labels, unannotated)
        pairing = match_pairs(*settled, unlabelled_fault=NO_ANNOTATION)
        if directory == where:
            pairing = split_subset(
                pairing, split, val_fraction=val_fraction, seed=val_seed, where=where
            )
        ids = {entry.name: entry.id for entry in table.entries}
        if BACKGROUND in ids:
            ids[_LABELME_BACKGROUND] = ids[BACKGROUND]
        rest = ids[BACKGROUND] if unlabelled == "background" else IGNORED_ID
        read: ReadLabel = PolygonLabels(ids, unlabelled=rest)
        if unannotated == "background":
            read = WithBackground(pairing.pairs, read, rest)
        super().__init__(pairing, labels=table.labels, split=split, read=read)


def _split_directory(where: Path, split: str) -> Path:
    """Return the directory of a split, or the root where there are none."""
    subdirectories = [path.name for path in where.iterdir() if path.is_dir()]
    name = find_split(split, subdirectories, where)
    if name is not None:
        log_loose_files(where, apart={name, *split_names(subdirectories)})
        return where / name
    if split_names(subdirectories):
        raise no_split_error(split, split_names(subdirectories), where)
    return where


def _occurring(where: Path, ignored: Sequence[str], unlabelled: Unlabelled) -> list[str]:
    labels: set[str] = set()
    faults = []
    for path in named_files(
        where, pattern=_ANY_DEPTH, suffixes=_JSON, others=IMAGE_SUFFIXES
    ).values():
        try:
            labels |= label_names(path)
        except DataError as error:  # reading the sample reports it
            faults.append(error)
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
