"""Cityscapes (Cordts et al., CVPR 2016): label table and file layout."""

from pathlib import Path
from typing import Literal, get_args

from seg.data.label_space import LabelSpace
from seg.data.readers.dataset_root import find_root
from seg.data.readers.image_label_pairs import PairDataset, Pairing, match_pairs, named_files
from seg.data.readers.splits import check_choice, warn_if_partial
from seg.errors import ConfigError, DataError

Split = Literal["train", "val", "test"]
Annotation = Literal["labelIds", "labelTrainIds"]
TrainSplit = Literal["train", "train_extra", "train_and_extra"]
Quality = Literal["fine", "coarse"]

OFFICIAL = (
    (0, "unlabeled", None, (0, 0, 0)),
    (1, "ego vehicle", None, (0, 0, 0)),
    (2, "rectification border", None, (0, 0, 0)),
    (3, "out of roi", None, (0, 0, 0)),
    (4, "static", None, (0, 0, 0)),
    (5, "dynamic", None, (111, 74, 0)),
    (6, "ground", None, (81, 0, 81)),
    (7, "road", 0, (128, 64, 128)),
    (8, "sidewalk", 1, (244, 35, 232)),
    (9, "parking", None, (250, 170, 160)),
    (10, "rail track", None, (230, 150, 140)),
    (11, "building", 2, (70, 70, 70)),
    (12, "wall", 3, (102, 102, 156)),
    (13, "fence", 4, (190, 153, 153)),
    (14, "guard rail", None, (180, 165, 180)),
    (15, "bridge", None, (150, 100, 100)),
    (16, "tunnel", None, (150, 120, 90)),
    (17, "pole", 5, (153, 153, 153)),
    (18, "polegroup", None, (153, 153, 153)),
    (19, "traffic light", 6, (250, 170, 30)),
    (20, "traffic sign", 7, (220, 220, 0)),
    (21, "vegetation", 8, (107, 142, 35)),
    (22, "terrain", 9, (152, 251, 152)),
    (23, "sky", 10, (70, 130, 180)),
    (24, "person", 11, (220, 20, 60)),
    (25, "rider", 12, (255, 0, 0)),
    (26, "car", 13, (0, 0, 142)),
    (27, "truck", 14, (0, 0, 70)),
    (28, "bus", 15, (0, 60, 100)),
    (29, "caravan", None, (0, 0, 90)),
    (30, "trailer", None, (0, 0, 110)),
    (31, "train", 16, (0, 80, 100)),
    (32, "motorcycle", 17, (0, 0, 230)),
    (33, "bicycle", 18, (119, 11, 32)),
    (-1, "license plate", None, (0, 0, 142)),
)
"""The table of cityscapesScripts: id in `labelIds` files, name, train id or None, color."""

_TRAINED = sorted(
    (train_id, name, color) for _, name, train_id, color in OFFICIAL if train_id is not None
)
_NAMES = tuple(name for _, name, _ in _TRAINED)
_PALETTE = tuple(color for _, _, color in _TRAINED)

TRAIN_IDS = LabelSpace.identity(_NAMES, _PALETTE)
"""Labels whose files hold train ids 0-18 and 255 (`*_labelTrainIds.png`)."""

# An 8-bit file holds ids modulo 256: the licence plate's -1 reads 255.
LABEL_IDS = LabelSpace(
    _NAMES,
    _PALETTE,
    tuple((id_ % 256, 255 if train_id is None else train_id) for id_, _, train_id, _ in OFFICIAL),
)
"""Labels whose files hold the official ids (`*_labelIds.png`)."""

_LABELS = {"labelIds": LABEL_IDS, "labelTrainIds": TRAIN_IDS}
_COUNTS = {"train": 2975, "val": 500, "test": 1525, "train_extra": 19998}
_LABEL_DIRECTORIES = {"fine": "gtFine", "coarse": "gtCoarse"}
_HOW_TO_GET = (
    "register at cityscapes-dataset.com and unpack leftImg8bit_trainvaltest.zip and"
    " gtFine_trainvaltest.zip side by side (coarse labels: gtCoarse.zip, their further images:"
    " leftImg8bit_trainextra.zip)"
)


class Cityscapes(PairDataset):
    """One split of Cityscapes, 19 classes, 2048 x 1024.

    Files: `leftImg8bit/<split>/<city>/*_leftImg8bit.png` with
    `gtFine/<split>/<city>/*_gtFine_<annotation>.png`, or `gtCoarse` and `_gtCoarse_`. The labels
    of `test` are dummies without classes. A number of samples other than the official one is
    logged as a warning.

    Args:
        split: `train` (2975 samples), `val` (500) or `test` (1525).
        root: the directory holding `leftImg8bit` and `gtFine`; None: `$SEG_DATA/cityscapes` or
            `data/cityscapes`.
        annotation: `labelIds`, as downloaded, or `labelTrainIds`, as written by cityscapesScripts.
        train_split: the parts of split `train`: `train`, `train_extra` (19998 samples with coarse
            labels) or both, `train_and_extra`, which with `quality=fine` is the training set of
            the published recipes. It does not change `val` and `test`.
        quality: annotation of the 2975 images of `train`: `fine` or `coarse`.

    Raises:
        ConfigError: an unknown choice, or fine labels of `train_extra`.
        DataError: the directories or their files are missing or do not pair up.
    """

    def __init__(
        self,
        *,
        split: Split,
        root: str | Path | None = None,
        annotation: Annotation = "labelIds",
        train_split: TrainSplit = "train",
        quality: Quality = "fine",
    ) -> None:
        check_choice("Cityscapes", "split", split, get_args(Split))
        check_choice("Cityscapes", "annotation", annotation, get_args(Annotation))
        check_choice("Cityscapes", "train_split", train_split, get_args(TrainSplit))
        check_choice("Cityscapes", "quality", quality, get_args(Quality))
        parts = _parts(split, train_split, quality)
        directories = [f"{kind}/{part}" for part, gt in parts for kind in ("leftImg8bit", gt)]
        directory = find_root(
            root, dataset="cityscapes", expected=directories, how_to_get=_HOW_TO_GET
        )
        pairing = Pairing(())
        for part, gt in parts:
            images = named_files(
                directory / "leftImg8bit" / part, pattern="*/*", ending="_leftImg8bit"
            )
            labels = _label_files(directory / gt / part, f"_{gt}_{annotation}")
            pairing += match_pairs(images, labels)
        super().__init__(pairing, labels=_LABELS[annotation], split=split)
        official = sum(_COUNTS[part] for part, _ in parts)
        names = " + ".join(part for part, _ in parts)
        warn_if_partial("Cityscapes", names, len(self), official, directory)


def _parts(split: Split, train_split: TrainSplit, quality: Quality) -> list[tuple[str, str]]:
    """Return the parts of a split, each with the directory of its labels."""
    if train_split == "train_extra" and quality == "fine":
        raise ConfigError(
            "Cityscapes has no fine labels of train_extra\n"
            "  set dataset.quality=coarse, or dataset.train_split=train_and_extra for the fine"
            " labels of train and the coarse ones of train_extra"
        )
    if split != "train":
        return [(split, _LABEL_DIRECTORIES["fine"])]
    parts = {
        "train": [("train", _LABEL_DIRECTORIES[quality])],
        "train_extra": [("train_extra", _LABEL_DIRECTORIES["coarse"])],
    }
    return parts.get(train_split) or parts["train"] + parts["train_extra"]


def _label_files(directory: Path, ending: str) -> dict[str, Path]:
    try:
        return named_files(directory, pattern="*/*", ending=ending)
    except DataError as error:
        if not ending.endswith("labelTrainIds"):
            raise
        raise DataError(
            f"{error}\n  they are written by cityscapesScripts (createTrainIdLabelImgs.py);"
            " dataset.annotation=labelIds reads the files as downloaded"
        ) from error
