"""Images with the segmentation labels of Ultralytics YOLO: polygons in text files."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from seg.data.readers.class_entry import ClassEntry
from seg.data.readers.class_table import Classes, distinct_palette, make_classes
from seg.data.readers.dataset_root import find_root
from seg.data.readers.image_label_pairs import NO_ANNOTATION, PairDataset, match_pairs
from seg.data.readers.shape_classes import Unlabelled, check_unlabelled
from seg.data.readers.splits import check_choice, split_subset
from seg.data.readers.unannotated_frames import Unannotated, settle_unlabelled
from seg.data.readers.yolo_layout import read_project
from seg.data.readers.yolo_polygons import Boxes, OverlapOrder, YoloLabels

_BACKGROUND = "background"
_HOW_TO_GET = (
    "export segmentation labels of YOLO: data.yaml with the names of the classes, images/<split>/"
    " and labels/<split>/\n  (or <split>/images/ and <split>/labels/), one text file an image"
)


class YoloSeg(PairDataset):
    """One split of images with the polygons of Ultralytics YOLO.

    Files: `data.yaml` names the classes and the directories, or lists, of the splits. The label of
    an image has its name and lies in `labels` where the image lies in `images`. Where the YAML file
    has `train` alone, or neither it nor directories split the images, a fixed part of the names
    becomes `val`, the rest `train`. Paths in files do not leave the root.

    The ids of label files are the numbers of the classes; the background's is the number of
    classes, as in Ultralytics. A single class has the id 1, its background 0.

    Args:
        split: `train`, `val`, `test`, however the YAML file spells them.
        root: the directory; None: `$SEG_DATA/yolo_seg` or `data/yolo_seg`.
        data_yaml: the YAML file; None: `data.yaml`, or the only one in the root.
        overlap_order: which polygon covers the other: the one with fewer pixels (`area`, as
            Ultralytics draws), or the later one (`file`).
        boxes: lines of a box (four numbers) are an `error`, or filled (`draw`).
        unlabelled: the meaning of pixels of no polygon: the class `background` (train id 0 unless
            the YAML file names it), or `ignored`.
        unannotated: images without a text file are an `error`, `background` (what Ultralytics means
            by them), or left out (`exclude`). An empty text file is background.
        val_fraction: share of the names that is `val`, where nothing else splits them.
        val_seed: of the choice of these names.

    Raises:
        ConfigError: an option is wrong.
        DataError: files are missing or do not pair up, or the YAML file names no classes.
    """

    def __init__(
        self,
        *,
        split: str,
        root: str | Path | None = None,
        data_yaml: str | Path | None = None,
        overlap_order: OverlapOrder = "area",
        boxes: Boxes = "error",
        unlabelled: Unlabelled = "background",
        unannotated: Unannotated = "error",
        val_fraction: float = 0.1,
        val_seed: int = 0,
    ) -> None:
        check_choice("YOLO", "overlap_order", overlap_order, get_args(OverlapOrder))
        check_choice("YOLO", "boxes", boxes, get_args(Boxes))
        check_unlabelled("YOLO", unlabelled, unannotated)
        where = find_root(root, dataset="yolo_seg", expected=(), how_to_get=_HOW_TO_GET)
        if not where.is_dir():
            find_root(where, dataset="yolo_seg", expected=(split,), how_to_get=_HOW_TO_GET)
        project = read_project(where, data_yaml)
        table, ids, rest = _table(project.names, unlabelled, project.file)
        images, labels, whole = project.files(split)
        settled = settle_unlabelled("YOLO", images, labels, unannotated)
        pairing = match_pairs(*settled, unlabelled_fault=NO_ANNOTATION)
        if whole:
            pairing = split_subset(
                pairing, split, val_fraction=val_fraction, seed=val_seed, where=where
            )
        read = YoloLabels(
            {str(pair.label): Path(pair.image) for pair in pairing.pairs},
            names=project.names,
            ids=ids,
            unlabelled=rest,
            overlap_order=overlap_order,
            boxes=boxes,
        )
        super().__init__(pairing, labels=table.labels, split=split, read=read)


def _table(
    names: Sequence[str], unlabelled: Unlabelled, source: Path
) -> tuple[Classes, list[int], int]:
    """Return the classes, the file id of each class number, and that of the other pixels."""
    ids = [1] if len(names) == 1 else list(range(len(names)))
    colors = distinct_palette(len(names))
    entries = [
        ClassEntry(name, id_, color) for name, id_, color in zip(names, ids, colors, strict=True)
    ]
    rest = None
    if unlabelled == "background":
        drawn = [id_ for name, id_ in zip(names, ids, strict=True) if _is_background(name)]
        rest = drawn[0] if drawn else 0 if len(names) == 1 else len(names)
        if not drawn:
            entries.insert(0, ClassEntry(_BACKGROUND, rest, (0, 0, 0)))
    classes = make_classes(entries, source)
    return classes, ids, classes.labels.ignore_index if rest is None else rest


def _is_background(name: str) -> bool:
    return name.strip("_").lower() == _BACKGROUND
