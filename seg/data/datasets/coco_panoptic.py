"""COCO's panoptic format (Kirillov et al., CVPR 2019), read as semantic segmentation."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import UnionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.class_entry import ClassEntry
from seg.data.readers.class_table import Classes, make_classes, rgb
from seg.data.readers.color_labels import pack_colors
from seg.data.readers.dataset_root import find_root
from seg.data.readers.image_label_pairs import Pair, PairDataset
from seg.data.readers.listed_pairs import listed_pairs
from seg.data.readers.readers import read_colors
from seg.data.readers.unread_files import log_unlisted
from seg.data.readers.urls import Location, read_json
from seg.errors import DataError, brief

_SPLIT = "{split}"
_VOID = 0  # of segments (panopticapi: VOID = 0), and our file id of it
_VOID_NAME = "(no segment)"
_LARGEST_ID = 2**24 - 1
_LARGEST_VALUE = 65535  # of a label file
_SHOWN = 8
_NO_SEGMENT = np.array([[_VOID, _VOID]], np.int32)
_HOW_TO_GET = (
    "cocodataset.org: train2017.zip, val2017.zip and panoptic_annotations_trainval2017.zip with\n"
    "  its inner panoptic_train2017.zip, panoptic_val2017.zip; other names: dataset.annotations,\n"
    "  dataset.segments, dataset.images, where {split} stands for the split"
)


class CocoPanoptic(PairDataset):
    """One split of COCO panoptic (133 classes), or of own data in its format.

    The classes are the JSON file's `categories` in their order, its colors the palette. Pixels of
    no segment (0) are ignored.

    Args:
        split: `train` (118,287 samples of 2017), `val` (5,000), or what own files call it.
        root: the directory; None: `$SEG_DATA/coco` or `data/coco`.
        annotations: the JSON file in the root; `{split}` stands for the split.
        segments: the directory of the PNG files.
        images: the directory of the images.

    Raises:
        DataError: files are missing or do not pair up, or what is wrong with which entry.
    """

    def __init__(
        self,
        *,
        split: str,
        root: str | Path | None = None,
        annotations: str = "annotations/panoptic_{split}2017.json",
        segments: str = "annotations/panoptic_{split}2017",
        images: str = "{split}2017",
    ) -> None:
        names = [name.replace(_SPLIT, split) for name in (annotations, segments, images)]
        directory = find_root(root, dataset="coco", expected=names, how_to_get=_HOW_TO_GET)
        file, segments_at, images_at = (directory / name for name in names)
        content = read_json(file, "annotation file")
        for key in ("categories", "annotations", "images"):
            if not isinstance(content, dict) or not isinstance(content.get(key), list):
                raise DataError(f"{file}: no list {key!r}: not in COCO's panoptic format")
        classes, file_ids = _classes(content["categories"], file)
        read = SegmentLabels(_segments(content["annotations"], file_ids, segments_at, file))
        listed = _pairs(content, images_at, segments_at, file)
        annotated = {Path(pair.image) for pair in listed}
        named = {images_at / str(each["file_name"]) for each in content["images"]}
        lacking = sorted(str(path.relative_to(images_at)) for path in named - annotated)
        log_unlisted(images_at, lacking, f"the annotations of {file}")
        super().__init__(listed_pairs(listed, file), labels=classes.labels, split=split, read=read)


class SegmentLabels:
    """A `ReadLabel` of PNGs of segment ids, R + 256 G + 65536 B, as ids of categories.

    Args:
        segments: of each PNG file `(segment id, file id of its category)`, int32, N x 2, in the
            order of the ids, which are above 0.
    """

    def __init__(self, segments: Mapping[Path, NDArray[np.int32]]) -> None:
        # One block, not an array a file: worker processes then share its memory.
        self._ranges: dict[Path, tuple[int, int]] = {}
        end = 0
        for path, rows_N2 in segments.items():
            self._ranges[path] = (end, end + len(rows_N2))
            end += len(rows_N2)
        self._rows_N2 = np.concatenate([np.zeros((0, 2), np.int32), *segments.values()])

    def __call__(self, path: Location) -> NDArray[Any]:
        """Return the file ids of a PNG of segments, int32, H x W.

        Raises:
            DataError: the file cannot be read, or holds a segment that the JSON does not list.
        """
        start, end = self._ranges[Path(path)]
        # Sorted, as searchsorted needs it: 0 is no segment.
        ids, file_ids = np.vstack([_NO_SEGMENT, self._rows_N2[start:end]]).T
        segments_HW = pack_colors(read_colors(path)).astype(np.int32)
        position_HW = np.searchsorted(ids, segments_HW).clip(max=len(ids) - 1)
        unknown_HW = ids[position_HW] != segments_HW
        if unknown_HW.any():
            raise _unlisted(path, segments_HW[unknown_HW], len(ids) - 1)
        labels_HW: NDArray[np.int32] = file_ids[position_HW]
        return labels_HW


def _classes(categories: Sequence[Any], file: Path) -> tuple[Classes, dict[int, int]]:
    """Return the classes, and the file id of each category by its own id.

    The file id is the category's own where a label file can hold all of them, else its position.

    Raises:
        DataError: what is wrong with which category.
    """
    entries = []
    file_ids: dict[int, int] = {}
    known = [category.get("id") for category in categories if isinstance(category, dict)]
    plain = all(isinstance(id_, int) and _VOID < id_ <= _LARGEST_VALUE for id_ in known)
    for at, category in enumerate(categories):
        where = f"{file}: category {at}"
        name, id_ = _fields(category, where, name=str, id=int)
        if id_ in file_ids:
            raise DataError(f"{where} ({brief(name)}): the id {id_} occurs twice")
        file_ids[id_] = id_ if plain else at + 1
        color = rgb(category["color"], f"{where} ({brief(name)})") if "color" in category else None
        entries.append(ClassEntry(name, file_ids[id_], color))
    colored = any(entry.color is not None for entry in entries)
    void = ClassEntry(_VOID_NAME, _VOID, (0, 0, 0) if colored else None, ignored=True)
    return make_classes([*entries, void], file), file_ids


def _segments(
    annotations: Sequence[Any], file_ids: Mapping[int, int], directory: Path, file: Path
) -> dict[Path, NDArray[np.int32]]:
    rows_of: dict[Path, NDArray[np.int32]] = {}
    for at, annotation in enumerate(annotations):
        where = f"{file}: annotation {at}"
        name, segments = _fields(annotation, where, file_name=str, segments_info=list)
        where = f"{where} ({name[:80]})"
        if directory / name in rows_of:
            raise DataError(f"{where}: an annotation before has the same file_name")
        rows: dict[int, int] = {}
        for segment in segments:
            id_, category = _fields(segment, where, id=int, category_id=int)
            if category not in file_ids:
                raise DataError(
                    f"{where}: segment {id_} has category_id {category}, which is not in categories"
                )
            if id_ in rows or not _VOID < id_ <= _LARGEST_ID:
                raise DataError(
                    f"{where}: segment {id_}; allowed: 1 to {_LARGEST_ID}, each once a file"
                )
            rows[id_] = file_ids[category]
        rows_of[directory / name] = np.array(sorted(rows.items()), np.int32).reshape(-1, 2)
    return rows_of


def _pairs(content: Mapping[str, Any], images: Path, segments: Path, file: Path) -> list[Pair]:
    names: dict[int | str, str] = {}  # Cityscapes' converter writes words as ids
    for at, image in enumerate(content["images"]):
        id_, name = _fields(image, f"{file}: image {at}", id=int | str, file_name=str)
        names[id_] = name
    pairs = []
    for at, annotation in enumerate(content["annotations"]):
        where = f"{file}: annotation {at}"
        id_, name = _fields(annotation, where, image_id=int | str, file_name=str)
        if id_ not in names:
            raise DataError(f"{where} ({name[:80]}): image_id {brief(id_)} is not in images")
        sample = Path(name).with_suffix("").as_posix()
        pairs.append(Pair(sample, images / names[id_], segments / name))
    return pairs


def _fields(entry: Any, where: str, **kinds: type | UnionType) -> list[Any]:
    """Return the values of some keys of a JSON object, each of its kind."""
    for key, kind in kinds.items():
        if not isinstance(entry, dict) or not isinstance(entry.get(key), kind):
            raise DataError(
                f"{where}: no {key!r} ({getattr(kind, '__name__', kind)}):"
                " not in COCO's panoptic format"
            )
        if key != "file_name":
            continue
        path = PurePosixPath(entry[key])
        if not path.name or path.is_absolute() or {"..", "\0"} & {*path.parts, *entry[key]}:
            raise DataError(
                f"{where}: file_name is {brief(entry[key])}; a path in its directory is needed"
            )
    return [entry[key] for key in kinds]


def _unlisted(path: Location, segments: NDArray[np.int32], listed: int) -> DataError:
    ids, counts = np.unique(segments, return_counts=True)
    values = {str(id_): int(count) for id_, count in zip(ids, counts, strict=True)}
    first = ", ".join(f"{id_} ({count} pixels)" for id_, count in list(values.items())[:_SHOWN])
    return DataError(
        f"{path}: {len(values)} segments that its JSON file does not list: {first}\n"
        f"  it lists {listed}; PNG files and JSON file must come from one export",
        fault="unknown_values",
        values=values,
    )
