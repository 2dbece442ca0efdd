"""Projects of Supervisely (supervisely.com): `meta.json`, and a JSON file for each image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

from seg.data.readers.class_table import Classes
from seg.data.readers.dataset_root import find_root
from seg.data.readers.drawn_pairs import sample_names
from seg.data.readers.image_label_pairs import NO_ANNOTATION, PairDataset, match_pairs
from seg.data.readers.readers import ReadLabel
from seg.data.readers.shape_classes import (
    BACKGROUND,
    Unlabelled,
    check_unlabelled,
    shape_classes,
)
from seg.data.readers.splits import (
    check_choice,
    find_split,
    no_split_error,
    split_names,
    split_subset,
)
from seg.data.readers.supervisely_labels import SuperviselyLabels, Undrawn, has_area
from seg.data.readers.supervisely_project import (
    META,
    Item,
    ProjectClass,
    Summary,
    find_items,
    read_meta,
    summarize,
)
from seg.data.readers.unannotated_frames import Unannotated, WithBackground, settle_unlabelled
from seg.data.readers.unread_files import warn_once
from seg.errors import ConfigError, DataError, first_of

SplitBy = Literal["auto", "datasets", "tags", "fraction"]
"""What splits a project."""

_TOOL_BACKGROUND = "__bg__"  # of Project.to_segmentation_task
_HOW_TO_GET = "in Supervisely download the project as JSON annotations with images, and unpack it"


@dataclass(frozen=True)
class _Entry:
    item: Item
    summary: Summary


class Supervisely(PairDataset):
    """One split of a project of Supervisely.

    Files: `meta.json`, `DATASET/img/NAME.jpg` and `DATASET/ann/NAME.jpg.json`; datasets may nest.
    Splits are datasets called `train`, `val`, `test`, else tags of the images of these names,
    else a fixed part of the images becomes `val` and the rest `train`. The classes are
    `background`, train id 0, and those of `meta.json` that have an area, in its order and colors.

    Args:
        split: `train`, `val`, `test` or the name of another dataset or tag.
        root: the project; None: `$SEG_DATA/supervisely` or `data/supervisely`.
        classes: the labels, in the order of the train ids; None: as above.
        split_by: `datasets`, `tags`, `fraction`; `auto`: as above.
        undrawn: shapes without an area (lines, points, graphs, ...) are an `error`, or left out
            (`exclude`).
        unlabelled: the meaning of pixels of no shape: the class `background` (train id 0), or
            `ignored`. A label `__bg__` is that class, too.
        unannotated: images without a shape are an `error`, `background` (what Supervisely's
            conversion to masks makes of them), or left out (`exclude`).
        ignored: labels whose pixels neither train nor score.
        val_fraction: share of the images that is `val`, where nothing else splits them.
        val_seed: of the choice of these images.

    Raises:
        ConfigError: an option is wrong.
        DataError: files are missing or do not pair up.
    """

    def __init__(
        self,
        *,
        split: str,
        root: str | Path | None = None,
        classes: Sequence[str] | None = None,
        split_by: SplitBy = "auto",
        undrawn: Undrawn = "error",
        unlabelled: Unlabelled = "background",
        unannotated: Unannotated = "error",
        ignored: Sequence[str] = (),
        val_fraction: float = 0.1,
        val_seed: int = 0,
    ) -> None:
        check_choice("Supervisely", "undrawn", undrawn, get_args(Undrawn))
        check_choice("Supervisely", "split_by", split_by, get_args(SplitBy))
        check_unlabelled("Supervisely", unlabelled, unannotated)
        where = find_root(root, dataset="supervisely", expected=(META,), how_to_get=_HOW_TO_GET)
        listed = {each.name: each for each in read_meta(where)}
        kinds = {name: each.kind for name, each in listed.items()}
        everything = [
            _Entry(item, summarize(item.annotation) if item.annotation else Summary({}))
            for item in find_items(where)
        ]
        names = _names(classes, ignored, listed, everything, where)
        table = _table(names, listed, ignored, unlabelled, where)
        entries, is_split = _of_split(everything, split, split_by, where)
        counts_undrawn = undrawn == "error"  # reading an image reports what is not drawn
        images, labels = _files(entries, kinds, counts_undrawn)
        settled = settle_unlabelled("Supervisely", images, labels, unannotated)
        pairing = match_pairs(*settled, unlabelled_fault=NO_ANNOTATION)
        if not is_split:
            pairing = split_subset(
                pairing, split, val_fraction=val_fraction, seed=val_seed, where=where
            )
        ids = {entry.name: entry.id for entry in table.entries}
        if BACKGROUND in ids:
            ids.setdefault(_TOOL_BACKGROUND, ids[BACKGROUND])
        rest = ids[BACKGROUND] if unlabelled == "background" else table.labels.ignore_index
        read: ReadLabel = SuperviselyLabels(ids, kinds, unlabelled=rest, undrawn=undrawn)
        if unannotated == "background":
            read = WithBackground(pairing.pairs, read, rest)
        super().__init__(pairing, labels=table.labels, split=split, read=read)


def _names(
    classes: Sequence[str] | None,
    ignored: Sequence[str],
    listed: Mapping[str, ProjectClass],
    entries: Sequence[_Entry],
    where: Path,
) -> list[str]:
    """Return the labels that are classes: those that are chosen, or those that have an area."""
    typed = [*(classes or ()), *ignored]
    missing = [name for name in typed if name not in {*listed, BACKGROUND, _TOOL_BACKGROUND}]
    if missing:
        raise ConfigError(
            f"dataset.classes, dataset.ignored: {where / META} has no class {first_of(missing)}\n"
            f"  it has: {', '.join(listed)}"
        )
    if classes is not None:
        return list(classes)
    used = {
        label
        for entry in entries
        for label, kind in entry.summary.shapes
        if label in listed and has_area(kind, listed[label].kind)
    }
    return [
        name
        for name, each in listed.items()
        if name not in ignored and (name in used or each.kind == "any" or has_area("", each.kind))
    ]


def _table(
    names: Sequence[str],
    listed: Mapping[str, ProjectClass],
    ignored: Sequence[str],
    unlabelled: Unlabelled,
    where: Path,
) -> Classes:
    aliases = {_TOOL_BACKGROUND} - set(ignored)
    trained = [name for name in names if name not in aliases]
    if unlabelled == "background" and BACKGROUND in trained:
        trained.remove(BACKGROUND)  # it comes first
    elif aliases.intersection(names) and BACKGROUND not in trained:
        trained.insert(0, BACKGROUND)
    colors = {name: each.color for name, each in listed.items()}
    return shape_classes(trained, ignored, unlabelled, where / META, colors=colors)


def _of_split(
    entries: Sequence[_Entry], split: str, split_by: SplitBy, where: Path
) -> tuple[list[_Entry], bool]:
    """Return the images of a split, and whether anything but a fraction splits them."""
    datasets = {part for entry in entries for part in entry.item.dataset.parts}
    tags = {tag for entry in entries for tag in entry.summary.tags}
    by_datasets = split_by == "datasets" or (split_by == "auto" and bool(split_names(datasets)))
    by_tags = split_by == "tags" or (split_by == "auto" and bool(split_names(tags)))
    if by_datasets and by_tags:
        raise ConfigError(
            f"{where}: datasets ({first_of(split_names(datasets))}) and tags of images"
            f" ({first_of(split_names(tags))}) are called like splits\n"
            "  choose what splits it: dataset.split_by=datasets, or tags, or fraction"
        )
    if by_datasets:
        return _by_names(entries, split, datasets, where, "datasets"), True
    if by_tags:
        return _by_names(entries, split, tags, where, "tags"), True
    return list(entries), False


def _by_names(
    entries: Sequence[_Entry], split: str, names: set[str], where: Path, what: str
) -> list[_Entry]:
    name = find_split(split, names, where)
    if name is None:
        error = no_split_error(split, split_names(names) or names, f"{where} ({what})")
        raise DataError(f"{error}\n  or split all images by a fraction: dataset.split_by=fraction")
    chosen, others = [], []
    for entry in entries:
        own = entry.item.dataset.parts if what == "datasets" else entry.summary.tags
        meant = split_names(own)
        if len(meant) > 1:
            raise DataError(
                f"{where / entry.item.dataset / entry.item.name} belongs to several splits by its"
                f" {what}: {', '.join(meant)}; keep one of them",
                fault="duplicate",
            )
        if name in own or (what == "tags" and entry.summary.fault is not None):
            chosen.append(entry)
        elif not meant:
            others.append(str(entry.item.dataset / entry.item.name))
    if others:
        warn_once(
            f"{where}: {len(others)} images belong to no split by their {what} and are not read:"
            f" {first_of(others)}"
        )
    return chosen


def _files(
    entries: Sequence[_Entry], kinds: Mapping[str, str], counts_undrawn: bool
) -> tuple[dict[str, Path], dict[str, Path]]:
    """Return the images and the annotations with shapes by the names of their samples."""
    names = sample_names([PurePosixPath(each.item.dataset, each.item.name) for each in entries])
    images: dict[str, Path] = {}
    labels: dict[str, Path] = {}
    for name, entry in zip(names, entries, strict=True):
        image, annotation, shapes = entry.item.image, entry.item.annotation, entry.summary.shapes
        has_shapes = entry.summary.fault is not None or any(
            counts_undrawn or has_area(kind, kinds.get(label, "")) for label, kind in shapes
        )
        if image is not None:
            images[name] = image
        if annotation is not None and (has_shapes or image is None):
            labels[name] = annotation
    return images, labels
