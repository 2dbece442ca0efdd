"""Exports of CVAT (github.com/cvat-ai/cvat) as "Segmentation mask 1.1", of Datumaro as VOC."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.datasets.pascal_voc import voc_palette
from seg.data.readers.class_entry import entries_of_label_map, numbered_lines
from seg.data.readers.class_table import Classes, make_classes
from seg.data.readers.dataset_root import find_root
from seg.data.readers.image_label_pairs import NO_ANNOTATION, Pair, PairDataset, named_files
from seg.data.readers.listed_pairs import listed_pairs
from seg.data.readers.readers import ReadLabel, read_label
from seg.data.readers.splits import find_split, no_split_error, split_subset
from seg.data.readers.unannotated_frames import Unannotated, settle_unannotated, with_background
from seg.data.readers.unread_files import log_once, log_unlisted
from seg.data.readers.urls import Location
from seg.errors import DataError

_LISTS = "ImageSets/Segmentation"
_EXPECTED = ("labelmap.txt", "JPEGImages", "SegmentationClass")
_UNSPLIT = "default"
_ANY_DEPTH = "**/*"
_HOW_TO_GET = 'in CVAT export the task as "Segmentation mask 1.1" with "Save images", and unpack it'


class CvatMask(PairDataset):
    """One split of an export of CVAT or Datumaro.

    Files: `JPEGImages/**`, `SegmentationClass/**.png` in the colors of `labelmap.txt` (RGB or a
    palette) or, in grey, with the positions of its lines, and the names of each split in
    `ImageSets/Segmentation/<split>.txt`. Where that holds `default.txt` alone, or no list at all, a
    fixed part of the names becomes `val`, the rest `train`. The classes are the lines of
    `labelmap.txt` in their order, `background` among them.

    Args:
        split: `train`, `val`, `test` or the name of another list.
        root: the unpacked export; None: `$SEG_DATA/cvat_mask` or `data/cvat_mask`.
        unannotated: listed images without a mask are an `error`, `background` (what CVAT means by
            them), or left out (`exclude`).
        val_fraction: share of the names that is `val`, where there is only `default.txt`.
        val_seed: of the choice of these names.

    Raises:
        ConfigError: an option is wrong.
        DataError: files are missing or do not pair up, or what is wrong in which line.
    """

    def __init__(
        self,
        *,
        split: str,
        root: str | Path | None = None,
        unannotated: Unannotated = "error",
        val_fraction: float = 0.1,
        val_seed: int = 0,
    ) -> None:
        where = find_root(root, dataset="cvat_mask", expected=_EXPECTED, how_to_get=_HOW_TO_GET)
        classes = _read_labelmap(where / "labelmap.txt")
        lists = {path.stem: path for path in (where / _LISTS).glob("[!.]*.txt")}
        name = find_split(split, lists, where / _LISTS)
        unsplit = name is None and set(lists) <= {_UNSPLIT}
        if name is None and not unsplit:
            raise no_split_error(split, lists, where / _LISTS)
        listed = lists.get(name or _UNSPLIT)
        settled = settle_unannotated("CVAT", _listed(listed, where, lists.values()), unannotated)
        pairing = listed_pairs(settled, listed or where, unlabelled_fault=NO_ANNOTATION)
        if unsplit:
            pairing = split_subset(
                pairing, split, val_fraction=val_fraction, seed=val_seed, where=where
            )
        read: ReadLabel = LabelMapLabels(classes)
        read = with_background(pairing.pairs, read, classes.labels, where / "labelmap.txt")
        super().__init__(pairing, labels=classes.labels, split=split, read=read)


def _read_labelmap(path: Path) -> Classes:
    """Read `labelmap.txt`; where it has no colors, Datumaro draws with those of Pascal VOC."""
    entries = entries_of_label_map(_lines(path), path)
    if any(entry.color is None for entry in entries):
        colors = voc_palette(len(entries))
        entries = [
            replace(entry, color=color) for entry, color in zip(entries, colors, strict=True)
        ]
    return make_classes(entries, path)


class LabelMapLabels:
    """A `ReadLabel` of masks that hold the colors of a label map, or the positions of its lines.

    Datumaro writes positions, as grey, where it is asked for masks without colors.

    Args:
        classes: of `labelmap.txt`.

    Raises:
        DataError: classes share a color.
    """

    def __init__(self, classes: Classes) -> None:
        self._colors = classes.color_labels()
        self._source = classes.source
        colors = {entry.id: entry.color for entry in classes.entries if entry.color is not None}
        self._greys = {color[0]: id_ for id_, color in colors.items() if len(set(color)) == 1}

    def __call__(self, path: Location) -> NDArray[Any]:
        """Return the position of the class of each pixel, H x W.

        Raises:
            DataError: the file cannot be read, holds a color that is no class, or grey values that
                are the color of one class and the position of another.
        """
        try:
            return self._colors(path)
        except DataError as error:
            if error.fault != "label_kind":
                raise
            try:
                positions_HW = read_label(path)
            except DataError:
                raise error from None
        for value in np.unique(positions_HW).tolist():
            if self._greys.get(value, value) != value:
                raise DataError(
                    f"{path}: its grey value {value} is the position of one class in"
                    f" {self._source} and the color of another\n"
                    "  export the masks again, with colors",
                    fault="label_kind",
                )
        return positions_HW


def _listed(path: Path | None, where: Path, lists: Iterable[Path]) -> list[Pair]:
    """Return the pairs of one list, and log files that are in none of the lists.

    Args:
        path: the list; None: there is none, and all files are meant.
        where: the root.
        lists: all of them.
    """
    directories = (where / "JPEGImages", where / "SegmentationClass")
    images, labels = (named_files(directory, pattern=_ANY_DEPTH) for directory in directories)
    if path is None:
        log_once(f"{where}: no list in {_LISTS}; all images are meant")
        return _pairs(sorted(images.keys() | labels.keys()), images, labels, directories)
    everything = {name for each in lists for _, name in _lines(each)}
    for directory, files in zip(directories, (images, labels), strict=True):
        log_unlisted(directory, [name for name in files if name not in everything], where / _LISTS)
    lines: dict[str, int] = {}
    for line, name in _lines(path):
        if name in lines:
            raise DataError(f"{path}, line {line}: {name} is also in line {lines[name]}")
        lines[name] = line
    return _pairs(lines, images, labels, directories)


def _pairs(
    names: Iterable[str],
    images: Mapping[str, Path],
    labels: Mapping[str, Path],
    directories: tuple[Path, Path],
) -> list[Pair]:
    """Return the files of names; a missing file has the path that it is looked for at."""
    at_images, at_labels = directories
    return [
        Pair(
            name,
            images.get(name, at_images / f"{name}.png"),
            labels.get(name, at_labels / f"{name}.png"),
        )
        for name in names
    ]


def _lines(path: Path) -> list[tuple[int, str]]:
    """Return the lines of a text file with their numbers, without comments and empty ones."""
    return [(line, text) for line, text in numbered_lines(path) if text and text[0] != "#"]
