"""COCO instance annotations as semantic labels: COCO itself, and exports in its format."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path, PurePosixPath
from typing import get_args

import numpy as np

from seg.data.label_space import LabelSpace
from seg.data.readers.class_entry import LARGEST_ID, ClassEntry
from seg.data.readers.class_table import Classes, distinct_palette, make_classes
from seg.data.readers.coco_index import BOX, CROWD, RUNS, CocoIndex, read_index
from seg.data.readers.coco_labels import (
    Boxes,
    Crowd,
    DrawingOptions,
    InstanceLabels,
    OverlapOrder,
)
from seg.data.readers.coco_layout import find_layout
from seg.data.readers.coco_masks import INSTALL, has_pycocotools
from seg.data.readers.drawn_pairs import pair_drawn, sample_names
from seg.data.readers.image_label_pairs import PairDataset, Pairing
from seg.data.readers.shape_classes import Unlabelled, check_unlabelled
from seg.data.readers.splits import check_choice, split_subset
from seg.data.readers.unannotated_frames import Unannotated
from seg.data.readers.unread_files import log_once
from seg.errors import ConfigError, DataError, first_of

_BACKGROUND, _IGNORED, _IGNORE_INDEX = "background", "(ignored)", 255
_BLACK = (0, 0, 0)
_LISTED, _CATEGORIES = 8, 20
_HOW_TO_GET = (
    "cocodataset.org: train2017.zip, val2017.zip and annotations_trainval2017.zip; or unpack an\n"
    "  export in COCO's format; other names: dataset.annotations (the JSON file), dataset.images,\n"
    "  where {split} stands for the split"
)


class CocoInstances(PairDataset):
    """One split of COCO instances, or of own data in its format.

    Files: a JSON file with `images`, `annotations` and `categories`, and the images that it lists,
    as COCO, Roboflow, CVAT and Label Studio lay them out (`seg.data.readers.coco_layout`). Polygons
    are drawn by pycocotools (extra `coco`). Only the places of the annotations in the file stay in
    memory, some 40 bytes each; their shapes are read with each sample.

    The ids of label files are those of the categories. The background is the smallest number that
    is no category's id (0 in COCO), or the category `background`.

    Args:
        split: `train`, `val`, `test`, or what the files call it.
        root: the directory; None: `$SEG_DATA/coco` or `data/coco`.
        annotations: the JSON file in the root; `{split}` stands for the split. None: the usual one.
        images: the directory of the images in the root, as above; None: looked for.
        classes: names of categories, in the order of the train ids; the annotations of others are
            not drawn. None: all categories, in the order of the file.
        overlap_order: which annotation covers the other: the one with fewer pixels (`area`), or the
            later one (`file`).
        crowd: whether annotations with `iscrowd` are of their class, or `ignored`.
        boxes: annotations of a box without segmentation are an `error`, their pixels are `ignored`,
            or they are not drawn (`exclude`).
        unlabelled: the meaning of pixels of no annotation: the class `background`, train id 0
            unless it is a category, or `ignored`.
        unannotated: listed images without annotation are `background`, an `error`, or left out
            (`exclude`).
        val_fraction: share of the images that is `val`, where one file holds all.
        val_seed: of the choice of these images.
        multi_label: whether classes may overlap (`labels.mode=multi_label`): labels hold codes,
            no annotation covers another, and there is no background.

    Raises:
        ConfigError: an option is wrong, or the extra `coco` is missing.
        DataError: files are missing, or what is wrong with which entry.
    """

    can_overlap = True

    def __init__(
        self,
        *,
        split: str,
        root: str | Path | None = None,
        annotations: str | None = None,
        images: str | None = None,
        classes: Sequence[str] | None = None,
        overlap_order: OverlapOrder = "area",
        crowd: Crowd = "class",
        boxes: Boxes = "error",
        unlabelled: Unlabelled = "background",
        unannotated: Unannotated = "background",
        val_fraction: float = 0.1,
        val_seed: int = 0,
        multi_label: bool = False,
    ) -> None:
        for key, value, kind in (
            ("overlap_order", overlap_order, OverlapOrder),
            ("crowd", crowd, Crowd),
            ("boxes", boxes, Boxes),
        ):
            check_choice("COCO", key, value, get_args(kind))
        check_unlabelled("COCO", unlabelled, unannotated)
        layout = find_layout(
            root, split, annotations=annotations, images=images, how_to_get=_HOW_TO_GET
        )
        index = read_index(layout.file)
        _check_kinds(index, boxes)
        chosen = _chosen(classes, index, unlabelled)
        ids = _file_ids(index, chosen)
        table, rest, ignored = _table(index, ids, chosen, unlabelled)
        labels = table.labels
        if multi_label:
            labels, ids = _overlapping(labels, ids)
            ignored = labels.ignore_index
            rest = 0 if unlabelled == "background" else ignored
        directory = layout.image_directory(index)
        layout.log_unlisted(index, directory)
        pairing, positions = _pairing(index, directory, unannotated)
        if layout.split is None:
            pairing = split_subset(
                pairing, split, val_fraction=val_fraction, seed=val_seed, where=layout.file
            )
        options = DrawingOptions(rest, ignored, overlap_order, crowd, boxes, multi_label)
        read = InstanceLabels(index, positions, ids, options)
        super().__init__(pairing, labels=labels, split=split, read=read)


def _check_kinds(index: CocoIndex, boxes: Boxes) -> None:
    """Refuse what no annotation, or too little software, is there for; log what is not drawn.

    Raises:
        ConfigError: polygons need the extra `coco`.
        DataError: no annotation has pixels.
    """
    kinds = index.kinds % CROWD
    bare = int((kinds == BOX).sum())
    if bare == len(kinds):
        what = f"its {bare} annotations are boxes without segmentation" if bare else "no annotation"
        raise DataError(
            f"{index.path}: {what}: nothing says which pixels are of which class\n"
            "  export instance segmentation: polygons or masks",
            fault="no_segmentation",
        )
    drawn_as_polygons = kinds != RUNS if boxes == "ignored" else (kinds != RUNS) & (kinds != BOX)
    if drawn_as_polygons.any() and not has_pycocotools():
        raise ConfigError(f"dataset=coco_instances: polygons are drawn by pycocotools: {INSTALL}")
    if bare and boxes != "error":
        does = "are not drawn" if boxes == "exclude" else "are ignored with their pixels"
        log_once(f"{index.path}: {bare} of {len(kinds)} annotations have a box alone and {does}")


def _file_ids(index: CocoIndex, chosen: Sequence[str] | None) -> dict[int, int | None]:
    """Return the file id of each category; None: it is not drawn.

    The file id is the category's own where a label file can hold all of them, else its position
    plus one. A category without annotation is passed over where another one has its name.

    Raises:
        DataError: two categories with annotations have one name.
    """
    used = set(np.unique(index.places[:, 3]).tolist())
    plain = all(0 <= id_ <= LARGEST_ID for id_, _ in index.categories)
    times = Counter(name for _, name in index.categories)
    ids: dict[int, int | None] = {}
    for at, (id_, name) in enumerate(index.categories):
        ids[id_] = id_ if plain else at + 1
        if times[name] > 1 and id_ not in used:
            times[name] -= 1
            ids[id_] = None
            log_once(
                f"{index.path}: category {id_} ({name!r}) has no annotation and is passed over, as"
                " another one has its name"
            )
        elif chosen is not None and name not in chosen:
            ids[id_] = None
    twice = [name for name, number in times.items() if number > 1]
    if twice:
        raise DataError(
            f"{index.path}: several categories are called {twice[0]!r}, and have annotations\n"
            "  rename all but one in the file",
            fault="duplicate",
        )
    if not plain:
        log_once(
            f"{index.path}: not all ids of categories are from 0 to {LARGEST_ID}; label files hold"
            " the position in the list, from 1"
        )
    _log_not_drawn(index, ids)
    return ids


def _log_not_drawn(index: CocoIndex, ids: Mapping[int, int | None]) -> None:
    counts = Counter(index.places[:, 3].tolist())
    lost = {name: counts[id_] for id_, name in index.categories if ids[id_] is None}
    listed = [f"{number} of {name}" for name, number in lost.items() if number]
    if listed:
        log_once(
            f"{index.path}: {sum(lost.values())} of {len(index.kinds)} annotations are not drawn,"
            f" as dataset.classes leaves their category out: {first_of(listed, _LISTED)}"
        )


def _chosen(
    classes: Sequence[str] | None, index: CocoIndex, unlabelled: Unlabelled
) -> list[str] | None:
    """Return the chosen classes, the background included where unlabelled pixels are of it.

    Raises:
        ConfigError: one is no category, or listed twice.
    """
    if classes is None:
        return None
    chosen, known = list(classes), {name for _, name in index.categories}
    if unlabelled == "background":
        known.add(_BACKGROUND)
        chosen = chosen if _BACKGROUND in chosen else [_BACKGROUND, *chosen]
    twice = [name for name, times in Counter(chosen).items() if times > 1]
    unknown = [name for name in chosen if name not in known]
    if twice or unknown:
        why = f"{twice[0]!r} is listed twice" if twice else f"there is no category {unknown[0]!r}"
        listed = first_of([name for _, name in index.categories], _CATEGORIES)
        raise ConfigError(f"dataset.classes: {why}; the categories are: {listed}")
    return chosen


def _table(
    index: CocoIndex,
    ids: Mapping[int, int | None],
    chosen: Sequence[str] | None,
    unlabelled: Unlabelled,
) -> tuple[Classes, int, int]:
    """Return the classes, and the file ids of pixels of no annotation and of ignored ones."""
    drawn = ((name, ids[id_]) for id_, name in index.categories)
    named = {name: file_id for name, file_id in drawn if file_id is not None}
    taken = set(named.values())
    free = (id_ for id_ in count() if id_ not in taken and id_ != _IGNORE_INDEX)
    if unlabelled == "background" and _BACKGROUND not in named:
        named = {_BACKGROUND: next(free), **named}
    if chosen is not None:
        named = {name: named[name] for name in chosen}
    ignored = next(free) if _IGNORE_INDEX in taken else _IGNORE_INDEX
    colors = iter(distinct_palette(len(named)))
    entries = [
        ClassEntry(name, id_, _BLACK if name == _BACKGROUND else next(colors))
        for name, id_ in named.items()
    ]
    entries.append(ClassEntry(_IGNORED, ignored, _BLACK, ignored=True))
    rest = named[_BACKGROUND] if unlabelled == "background" else ignored
    return make_classes(entries, index.path), rest, ignored


def _overlapping(
    labels: LabelSpace, ids: Mapping[int, int | None]
) -> tuple[LabelSpace, dict[int, int | None]]:
    """Return the classes less the background, which may overlap, and the code of each category."""
    positions = [at for at, name in enumerate(labels.names) if name != _BACKGROUND]
    space = LabelSpace.overlapping(
        [labels.names[at] for at in positions], tuple(labels.palette[at] for at in positions)
    )
    bits = {value: positions.index(at) for value, at in labels.file_ids if at in positions}
    return space, {
        category: None if id_ not in bits else 1 << bits[id_] for category, id_ in ids.items()
    }


def _pairing(
    index: CocoIndex, directory: Path, unannotated: Unannotated
) -> tuple[Pairing, dict[str, int]]:
    """Return the images, which stand for their labels, and their positions in the index."""
    paths = [directory / image.name for image in index.images]
    names = sample_names([PurePosixPath(image.name) for image in index.images])
    annotated = (np.diff(index.first) > 0).tolist()
    images = dict(zip(names, zip(paths, annotated, strict=True), strict=True))
    pairing = pair_drawn("COCO", images, unannotated, annotations=index.path, where=index.path)
    return pairing, {str(path): at for at, path in enumerate(paths)}
