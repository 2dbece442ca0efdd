"""Exports of Label Studio (github.com/HumanSignal/label-studio): JSON, and images beside it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from seg.data.readers.class_table import CLASS_FILES
from seg.data.readers.dataset_root import find_root
from seg.data.readers.drawn_pairs import pair_drawn, sample_names
from seg.data.readers.image_label_pairs import IMAGE_SUFFIXES, PairDataset, Pairing
from seg.data.readers.label_studio_export import Export, Several, read_export
from seg.data.readers.label_studio_images import image_path
from seg.data.readers.label_studio_labels import Drawing, LabelStudioLabels
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
from seg.data.readers.unread_files import is_hidden, log_once, log_unlisted
from seg.errors import ConfigError, DataError, brief, first_of

_HOW_TO_GET = (
    "in Label Studio export the project as JSON, and put the file and the images in one directory"
)
_PNG_EXPORT = re.compile(r"task-\d+-annotation-\d+-by-.*\.(png|npy)")


class LabelStudio(PairDataset):
    """One split of the tasks of Label Studio exports.

    Files: `<split>.json` (train, val, test) in the root, or one JSON file, of whose images a fixed
    part becomes `val` and the rest `train`; the images below the root, found by the ends of their
    addresses (`seg.data.readers.label_studio_images`). JSON and JSON-MIN are read. Cancelled
    annotations, drafts and predictions are not; tasks with cancelled annotations alone are left
    out.

    Args:
        split: `train`, `val`, `test` or the name of another file.
        root: the directory; None: `$SEG_DATA/label_studio` or `data/label_studio`.
        annotations: the JSON file in the root; None: as above.
        image_key: key of the image in the data of the tasks; None: the only one that holds images.
        classes: the labels, in the order of the train ids; None: those that occur in any split,
            sorted.
        several: tasks with several annotations are an `error`, or the `newest` counts.
        exclude_types: types of results that are not drawn (`keypointlabels`).
        brush_threshold: alpha from which a pixel belongs to a brush stroke, 1 to 255.
        unlabelled: the meaning of pixels of no shape: the class `background` (train id 0), or
            `ignored`.
        unannotated: tasks without annotation are an `error`, `background`, or left out (`exclude`).
            An annotation without shapes is one.
        ignored: labels whose pixels neither train nor score.
        val_fraction: share of the images that is `val`, where one file holds all.
        val_seed: of the choice of these images.

    Raises:
        ConfigError: an option is wrong.
        DataError: files are missing, or what is wrong with which task.
    """

    def __init__(
        self,
        *,
        split: str,
        root: str | Path | None = None,
        annotations: str | None = None,
        image_key: str | None = None,
        classes: Sequence[str] | None = None,
        several: Several = "error",
        exclude_types: Sequence[str] = (),
        brush_threshold: int = 1,
        unlabelled: Unlabelled = "background",
        unannotated: Unannotated = "error",
        ignored: Sequence[str] = (),
        val_fraction: float = 0.1,
        val_seed: int = 0,
    ) -> None:
        _check_options(several, unlabelled, unannotated, brush_threshold)
        where = find_root(root, dataset="label_studio", expected=(), how_to_get=_HOW_TO_GET)
        if not where.is_dir():
            find_root(root, dataset="label_studio", expected=("*.json",), how_to_get=_HOW_TO_GET)
        files, is_split = _files(where, split, annotations)
        exports = [read_export(file) for file in files]
        excluded = tuple(exclude_types)
        names = classes if classes is not None else _occurring(exports, ignored, excluded, where)
        table = shape_classes(names, ignored, unlabelled, where)
        pairing, drawings = _pairing(exports[0], where, image_key, several, unannotated)
        fault = next((each.fault for each in drawings.values() if each.fault), None)
        if fault is not None and self._is_strict:
            raise fault
        if len(files) == 1:
            _log_unlisted(where, drawings, exports[0])
        if not is_split:
            pairing = split_subset(
                pairing, split, val_fraction=val_fraction, seed=val_seed, where=files[0]
            )
        ids = {entry.name: entry.id for entry in table.entries}
        read = LabelStudioLabels(
            exports[0],
            {str(pair.image): drawings[str(pair.image)] for pair in pairing.pairs},
            ids,
            unlabelled=ids[BACKGROUND] if unlabelled == "background" else table.labels.ignore_index,
            brush_threshold=brush_threshold,
            excluded=excluded,
        )
        super().__init__(pairing, labels=table.labels, split=split, read=read)


def _check_options(
    several: Several, unlabelled: Unlabelled, unannotated: Unannotated, brush_threshold: int
) -> None:
    check_choice("Label Studio", "several", several, get_args(Several))
    if not 1 <= brush_threshold <= 255:
        raise ConfigError(f"dataset.brush_threshold={brush_threshold}: allowed: 1 to 255")
    check_unlabelled("Label Studio", unlabelled, unannotated)


def _files(where: Path, split: str, annotations: str | None) -> tuple[list[Path], bool]:
    """Return the file of a split, then those of others, and whether the files are splits."""
    if annotations is not None:
        path = where / annotations
        if not path.is_file():
            raise ConfigError(
                f"dataset.annotations={annotations}: no such file ({path.absolute()})"
            )
        return [path], False
    files = {
        path.stem: path
        for path in sorted(where.glob("*.json"))
        if not is_hidden(path.relative_to(where)) and path.name not in CLASS_FILES
    }
    name = find_split(split, files, where)
    splits = split_names(files)
    if name is not None:
        return [files[name], *(files[each] for each in splits if each != name)], True
    if splits:
        raise no_split_error(split, splits, where)
    if len(files) == 1:
        return list(files.values()), False
    if files:
        listed = first_of([path.name for path in files.values()])
        raise DataError(
            f"{where}: {len(files)} JSON files: {listed}\n"
            "  name the export: dataset.annotations=FILE; or call them train.json and val.json"
        )
    masks = [path.name for path in sorted(where.rglob("*")) if _PNG_EXPORT.fullmatch(path.name)]
    if masks:
        raise DataError(
            f"{where}: {len(masks)} masks of Label Studio's PNG or NumPy export: {masks[0][:80]}\n"
            "  such files name neither the image nor, without doubt, the label, and not which"
            " region lies above\n"
            "  export the project as JSON, which holds all of that",
            fault="label_kind",
        )
    raise DataError(f"{where}: no JSON file\n  to get it: {_HOW_TO_GET}", fault="missing")


def _occurring(
    exports: Sequence[Export], ignored: Sequence[str], excluded: Sequence[str], where: Path
) -> list[str]:
    labels = {
        label
        for export in exports
        for task in export.tasks
        for annotation in task.annotations
        for region in annotation.regions
        for label in region.labels
        if region.kind not in excluded and isinstance(label, str) and label
    }
    names = sorted_labels(labels, ignored, where)
    if BACKGROUND in names:
        names.remove(BACKGROUND)  # it comes first
        names.insert(0, BACKGROUND)
    return names


def _pairing(
    export: Export,
    where: Path,
    image_key: str | None,
    several: Several,
    unannotated: Unannotated,
) -> tuple[Pairing, dict[str, Drawing]]:
    """Return the images, which stand for their labels, and what is drawn on each."""
    key = export.image_key(image_key, IMAGE_SUFFIXES)
    if cancelled := sum(task.is_cancelled for task in export.tasks):
        log_once(f"{export.path}: {cancelled} tasks are left out: all annotations are cancelled")
    drawings: dict[str, Drawing] = {}
    listed = []
    for task in export.tasks:
        name = f"task {brief(task.id)}"
        image = image_path(task.data.get(key), where, f"{export.path}: {name}")
        if task.is_cancelled:
            continue
        if (other := drawings.get(str(image))) is not None:
            raise _one_image(export, other.task, name, image)
        try:
            drawings[str(image)] = Drawing(name, task.annotation(several, export.path))
        except DataError as error:
            drawings[str(image)] = Drawing(name, fault=error)
        listed.append((image, bool(task.annotations)))
    names = sample_names([image.relative_to(where) for image, _ in listed])
    images = dict(zip(names, listed, strict=True))
    pairing = pair_drawn(
        "Label Studio", images, unannotated, annotations=export.path, where=export.path
    )
    return pairing, drawings


def _one_image(export: Export, first: str, second: str, image: Path) -> DataError:
    return DataError(
        f"{export.path}: {first} and {second} are of one image, {image}\n"
        "  put images of equal names in directories as their addresses have them, or delete one of"
        " the tasks",
        fault="duplicate",
    )


def _log_unlisted(where: Path, drawings: dict[str, Drawing], export: Export) -> None:
    unread = [
        path.relative_to(where).as_posix()
        for path in sorted(where.rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES
        and str(path) not in drawings
        and not is_hidden(path.relative_to(where))
        and not _PNG_EXPORT.fullmatch(path.name)
    ]
    log_unlisted(where, unread, export.path)
