"""Exports of CVAT (github.com/cvat-ai/cvat) in the format "CVAT for images 1.1"."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import get_args

from seg.data.readers.class_entry import ClassEntry
from seg.data.readers.class_table import Classes, distinct_palette, make_classes, rgb
from seg.data.readers.cvat_labels import CvatDrawing, CvatLabels, Undrawn
from seg.data.readers.cvat_layout import (
    files_of_split,
    find_exports,
    log_unlisted_images,
)
from seg.data.readers.cvat_shapes import INSTALL, Precision, has_pycocotools
from seg.data.readers.cvat_xml import UNDRAWN, CvatFile
from seg.data.readers.drawn_pairs import pair_drawn
from seg.data.readers.image_label_pairs import PairDataset
from seg.data.readers.splits import check_choice, split_subset
from seg.data.readers.unannotated_frames import Unannotated
from seg.data.readers.unread_files import log_once
from seg.errors import ConfigError

_BACKGROUND = "background"
_BLACK = (0, 0, 0)


class CvatImages(PairDataset):
    """One split of CVAT exports that hold shapes.

    Files: `annotations.xml` (or one XML file a subset) with the images in `images/**`; or several
    such directories. Where nothing in them is called `train` or `val`, a fixed part of the images
    becomes `val`, the rest `train`. The classes are `background`, train id 0, and the labels of
    the XML, in its order and colors.

    Shapes are drawn as CVAT's server draws them in "Segmentation mask 1.1": polygons and boxes by
    pycocotools (extra `coco`), ellipses by OpenCV, by `z_order` and then in the order of the file.

    Args:
        split: `train`, `val`, `test` or the name of another subset.
        root: the unpacked export; None: `$SEG_DATA/cvat_images` or `data/cvat_images`.
        images: the directory of the images, relative to each XML file; None: `images`.
        classes: the labels, in the order of the train ids; None: those of the XML files.
        undrawn: polylines, points, cuboids and skeletons, of which CVAT draws nothing, are an
            `error`, or left out as CVAT does (`exclude`).
        merge_groups: whether the shapes of a group are one object with the label and the `z_order`
            of the largest of them, as CVAT has it; else each keeps its own.
        precision: of corners: `double` as CVAT's server, `single` as the package `datumaro` 1.13.
        unannotated: images without a shape are an `error`, `background` (what CVAT means by
            them), or left out (`exclude`).
        val_fraction: share of the images that is `val`, where no subset says so.
        val_seed: of the choice of these images.

    Raises:
        ConfigError: an option is wrong, or the extra `coco` is missing.
        DataError: files are missing, or what is wrong in which line.
    """

    def __init__(
        self,
        *,
        split: str,
        root: str | Path | None = None,
        images: str | Path | None = None,
        classes: Sequence[str] | None = None,
        undrawn: Undrawn = "error",
        merge_groups: bool = True,
        precision: Precision = "double",
        unannotated: Unannotated = "error",
        val_fraction: float = 0.1,
        val_seed: int = 0,
    ) -> None:
        for key, value, kind in (
            ("undrawn", undrawn, Undrawn),
            ("precision", precision, Precision),
        ):
            check_choice("CVAT", key, value, get_args(kind))
        if not has_pycocotools():
            raise ConfigError(f"dataset=cvat_images: shapes are drawn by pycocotools: {INSTALL}")
        where, exports = find_exports(root, images)
        files = [export.file for export in exports]
        _log_choices(files, merge_groups)
        table = _table(files, classes, where)
        fails = undrawn == "error"  # reading an image reports what is not drawn
        entries, is_split = files_of_split(exports, split, where)
        log_unlisted_images(exports)
        annotated = {
            name: (each.path, bool(each.image.labels) or (fails and each.image.num_undrawn > 0))
            for name, each in entries.items()
        }
        first = files[0].path
        pairing = pair_drawn(
            "CVAT",
            annotated,
            unannotated,
            annotations=first,
            where=first if len(files) == 1 else where,
        )
        if not is_split:
            pairing = split_subset(
                pairing, split, val_fraction=val_fraction, seed=val_seed, where=where
            )
        ids = {entry.name: entry.id for entry in table.entries}
        drawing = CvatDrawing(ids[_BACKGROUND], merge_groups, undrawn, precision)
        listed = {str(each.path): (each.export.file, each.image) for each in entries.values()}
        read = CvatLabels(listed, ids, drawing)
        super().__init__(pairing, labels=table.labels, split=split, read=read)


def _table(files: Sequence[CvatFile], classes: Sequence[str] | None, where: Path) -> Classes:
    """Return the classes: `background` first, then the labels, in their colors if all have one."""
    used: Counter[str] = Counter()
    for file in files:
        for image in file.images:
            used.update(image.labels)
    colors: dict[str, str] = {}
    for label in (label for file in files for label in file.labels):
        if label.name in used or not (label.parent or label.kind in (*UNDRAWN, "tag")):
            colors.setdefault(label.name, label.color)
    names = list(colors) if colors else sorted(used)
    if not colors:
        log_once(f"{where}: no list of labels; the classes are those that occur")
    if classes is not None:
        twice = [name for name, times in Counter(classes).items() if times > 1]
        if twice:
            raise ConfigError(f"dataset.classes: {twice[0]!r} is listed twice")
        names = list(classes)
    if _BACKGROUND in names:
        names.remove(_BACKGROUND)
    palette = _palette(names, colors, where)
    black = rgb(colors[_BACKGROUND], str(where)) if colors.get(_BACKGROUND) else _BLACK
    entries = [ClassEntry(_BACKGROUND, 0, black)]
    entries += [
        ClassEntry(name, id_, color)
        for id_, (name, color) in enumerate(zip(names, palette, strict=True), start=1)
    ]
    return make_classes(entries, where)


def _palette(
    names: Iterable[str], colors: Mapping[str, str], where: Path
) -> list[tuple[int, int, int]]:
    names = list(names)
    if not all(colors.get(name) for name in names):  # files that Datumaro wrote have none
        return list(distinct_palette(len(names)))
    return [rgb(colors[name], f"{where}: label {name!r}") for name in names]


def _log_choices(files: Sequence[CvatFile], merge_groups: bool) -> None:
    images = [image for file in files for image in file.images]
    mixed = sum(image.num_mixed_groups for image in images)
    if mixed and merge_groups:
        log_once(
            f"{files[0].path}: {mixed} groups hold shapes with several labels and get the label of"
            " their largest shape, as in CVAT's masks; dataset.merge_groups=false draws each shape"
            " with its own",
            logging.WARNING,
        )
