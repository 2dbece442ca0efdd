"""Pascal VOC 2012 (Everingham et al., IJCV 2015), with SBD (Hariharan et al., ICCV 2011)."""

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from seg.data.label_space import LabelSpace
from seg.data.readers.class_entry import entries_of_text
from seg.data.readers.dataset_root import find_root
from seg.data.readers.image_label_pairs import PairDataset, match_pairs, named_files
from seg.data.readers.readers import read_label
from seg.data.readers.splits import NO_TEST, check_choice, warn_if_partial
from seg.data.readers.urls import Location, read_bytes
from seg.errors import ConfigError, DataError, first_of
from seg.io.source import MAX_BYTES

Split = Literal["train", "val", "trainval", "trainaug"]
TrainSplit = Literal["train", "trainval", "trainaug"]

# VOCinit.m of the development kit, behind the background.
_NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair",
    "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa",
    "train", "tvmonitor",
)  # fmt: skip
_COUNTS = {"train": 1464, "val": 1449, "trainval": 2913, "trainaug": 10582}
_LISTS = "ImageSets/Segmentation"
_AUGMENTED = "SegmentationClassAug"
_SBD_FILES = ("cls", "train.txt", "val.txt")
_HOW_TO_GET = (
    "unpack VOCtrainval_11-May-2012.tar of host.robots.ox.ac.uk/pascal/VOC/voc2012;"
    " the directory is VOCdevkit/VOC2012"
)
_HOW_TO_AUGMENT = (
    f"{_HOW_TO_GET}\n"
    f"  trainaug needs the directory {_AUGMENTED} with {_LISTS}/trainaug.txt,\n"
    "  or dataset.sbd=DIR, where benchmark.tgz of SBD is unpacked"
)


def voc_palette(count: int) -> tuple[tuple[int, int, int], ...]:
    """Return the colors of VOC's indexed images (VOClabelcolormap.m of the development kit).

    The bits of an index go in turn to red, green and blue, each filled from its highest bit.

    Args:
        count: number of colors, up to 256; color 0 is black.
    """
    return tuple((_spread(i), _spread(i >> 1), _spread(i >> 2)) for i in range(count))


def _spread(index: int) -> int:
    """Return every third bit of an index, the lowest as the highest bit of a byte."""
    return sum((index >> 3 * bit & 1) << 7 - bit for bit in range(8))


LABELS = LabelSpace.identity(_NAMES, voc_palette(len(_NAMES)))
"""Label files hold 0-20 and 255 for the border of objects (void), which is ignored."""


class PascalVoc(PairDataset):
    """One split of Pascal VOC 2012: 20 kinds of objects and background, images of many sizes.

    Files: `JPEGImages/*.jpg` with `SegmentationClass/*.png`, named by
    `ImageSets/Segmentation/<split>.txt`. The labels of `test` are not public. A number of samples
    other than the official one is logged as a warning.

    `trainaug` takes images without a label in VOC from SBD, which has no void border: by a list
    and PNG files in `SegmentationClassAug`, or by SBD's own files. The latter make it VOC's train,
    SBD's train and SBD's val, without VOC's val. Where VOC has a label, that one is read.

    Args:
        split: `train`, `val` (1449 samples), `trainval` (2913) or `trainaug` (10582).
        root: the directory VOCdevkit/VOC2012; None: `$SEG_DATA/pascal_voc` or `data/pascal_voc`.
        train_split: samples of `split=train`: `train` (1464), `trainaug`, or `trainval`, which
            includes the samples of `val`.
        sbd: the directory of SBD that holds `dataset/`, for `trainaug` from `dataset/cls/*.mat`,
            `dataset/train.txt` and `dataset/val.txt`; None: `SegmentationClassAug`.

    Raises:
        ConfigError: an unknown split or train_split, or `sbd` where nothing reads it.
        DataError: the directories or their files are missing or do not pair up.
    """

    def __init__(
        self,
        *,
        split: Split,
        root: str | Path | None = None,
        train_split: TrainSplit = "train",
        sbd: str | Path | None = None,
    ) -> None:
        check_choice("Pascal VOC", "split", split, get_args(Split), why=NO_TEST)
        check_choice("Pascal VOC", "train_split", train_split, get_args(TrainSplit))
        if sbd is not None and "trainaug" not in (split, train_split):
            raise ConfigError(
                f"dataset.sbd={sbd} is not read by dataset.train_split={train_split}\n"
                "  give dataset.train_split=trainaug, or leave dataset.sbd out"
            )
        part = train_split if split == "train" else split
        source = (
            None if sbd is None or part != "trainaug" else _sbd_directory(Path(sbd).expanduser())
        )
        directory = find_root(
            root,
            dataset="pascal_voc",
            expected=_expected(part, source),
            how_to_get=_HOW_TO_AUGMENT if part == "trainaug" else _HOW_TO_GET,
        )
        _refuse_other_classes(directory / "labelmap.txt")
        names = _names_of(part, directory / _LISTS, source)
        images = named_files(directory / "JPEGImages", suffixes=(".jpg",))
        labels = _label_files(part, directory, source)
        listed_labels = {name: labels[name] for name in names if name in labels}
        # A listed name without any file counts as an image without a label.
        listed_images = {
            name: images.get(name, directory / f"JPEGImages/{name}.jpg")
            for name in names
            if name in images or name not in labels
        }
        pairing = match_pairs(listed_images, listed_labels)
        super().__init__(pairing, labels=LABELS, split=split, read=read_class_label)
        warn_if_partial("Pascal VOC 2012", part, len(self), _COUNTS[part], directory)


def _refuse_other_classes(label_map: Path) -> None:
    """Refuse an export of CVAT or Datumaro in VOC's directories with classes of its own."""
    if not label_map.is_file():
        return
    names = [entry.name for entry in entries_of_text(label_map) if entry.name != "ignored"]
    if names != list(_NAMES):
        raise DataError(
            f"{label_map}: names other classes than Pascal VOC: {first_of(names)}\n"
            "  it is of an export of CVAT or Datumaro: dataset=cvat_mask",
            fault="missing",
        )


def read_class_label(path: Location) -> NDArray[Any]:
    """Read the class ids of one image from VOC's PNG or SBD's MAT file: a `ReadLabel`.

    Args:
        path: `*.mat` of SBD's directory `cls`, or an image.

    Returns:
        H x W file values.

    Raises:
        DataError: the file is missing, damaged or holds something else.
    """
    if Path(path).suffix.lower() != ".mat":
        return read_label(path)
    from scipy.io import loadmat

    content = read_bytes(path, "label")
    try:
        label_HW = np.asarray(loadmat(BytesIO(content))["GTcls"]["Segmentation"].item())
    except Exception as error:  # scipy raises nearly anything where a file is damaged
        raise DataError(
            f"{path}: damaged, or without GTcls.Segmentation ({error})\n"
            "  labels of SBD lie in dataset/cls; unpack benchmark.tgz again",
            fault="damaged",
        ) from error
    if label_HW.ndim != 2 or not np.issubdtype(label_HW.dtype, np.integer):
        raise DataError(
            f"{path}: GTcls.Segmentation is {label_HW.dtype} of shape {label_HW.shape}\n"
            "  a label is an integer for each pixel, H x W",
            fault="label_kind",
        )
    return label_HW


def _sbd_directory(sbd: Path) -> Path:
    for directory in (sbd / "dataset", sbd):
        if all((directory / name).exists() for name in _SBD_FILES):
            return directory
    raise DataError(
        f"SBD not found in {sbd.absolute()}\n"
        f"  looked for: {', '.join(f'dataset/{name}' for name in _SBD_FILES)}\n"
        "  set dataset.sbd to the directory benchmark_RELEASE\n"
        "  to get it: unpack benchmark.tgz of home.bharathh.info/pubs/codes/SBD"
    )


def _expected(part: str, sbd: Path | None) -> tuple[str, ...]:
    directories = ("JPEGImages", "SegmentationClass")
    if part == "trainaug" and sbd is None:
        return (*directories, _AUGMENTED, f"{_LISTS}/trainaug.txt")
    lists = ("train", "val") if part == "trainaug" else (part,)
    return (*directories, *(f"{_LISTS}/{name}.txt" for name in lists))


def _names_of(part: str, lists: Path, sbd: Path | None) -> Iterable[str]:
    if sbd is None:
        return _listed(lists / f"{part}.txt")
    names = _listed(lists / "train.txt") | _listed(sbd / "train.txt") | _listed(sbd / "val.txt")
    return names - _listed(lists / "val.txt")


def _listed(path: Path) -> set[str]:
    return set(
        read_bytes(path, "list of a split", max_bytes=MAX_BYTES).decode(errors="replace").split()
    )


def _label_files(part: str, directory: Path, sbd: Path | None) -> dict[str, Path]:
    labels = named_files(directory / "SegmentationClass", suffixes=(".png",))
    if part != "trainaug":
        return labels
    if sbd is not None:
        return named_files(sbd / "cls", suffixes=(".mat",)) | labels
    return named_files(directory / _AUGMENTED, suffixes=(".png",)) | labels
