"""Cityscapes (Cordts et al., CVPR 2016): label table and file layout."""

import logging
from pathlib import Path
from typing import Literal, get_args

from seg.data.labels import LabelSpace
from seg.data.pairs import PairDataset, match_pairs, named_files
from seg.data.roots import find_root
from seg.errors import ConfigError, DataError

Split = Literal["train", "val", "test"]
Annotation = Literal["labelIds", "labelTrainIds"]

_log = logging.getLogger(__name__)

# (id in labelIds files, name, train id or None, colour): the table of cityscapesScripts.
_OFFICIAL = (
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
)
_TRAINED = sorted(
    (train_id, name, color) for _, name, train_id, color in _OFFICIAL if train_id is not None
)
_NAMES = tuple(name for _, name, _ in _TRAINED)
_PALETTE = tuple(color for _, _, color in _TRAINED)

TRAIN_IDS = LabelSpace.identity(_NAMES, _PALETTE)
"""Labels whose files hold train ids 0-18 and 255 (`*_labelTrainIds.png`)."""

# The licence plate's id -1 reads 255 wherever it was written to an 8-bit file.
LABEL_IDS = LabelSpace(
    _NAMES,
    _PALETTE,
    (
        *((id_, 255 if train_id is None else train_id) for id_, _, train_id, _ in _OFFICIAL),
        (255, 255),
    ),
)
"""Labels whose files hold the 34 official ids (`*_labelIds.png`)."""

_LABELS = {"labelIds": LABEL_IDS, "labelTrainIds": TRAIN_IDS}
_COUNTS = {"train": 2975, "val": 500, "test": 1525}
_HOW_TO_GET = (
    "register at cityscapes-dataset.com and unpack leftImg8bit_trainvaltest.zip and"
    " gtFine_trainvaltest.zip side by side"
)


class Cityscapes(PairDataset):
    """One split of Cityscapes with fine annotation, 19 classes, 2048 x 1024.

    Files: `leftImg8bit/<split>/<city>/*_leftImg8bit.png` with
    `gtFine/<split>/<city>/*_gtFine_<annotation>.png`. The labels of `test` are dummies without
    classes. A number of samples other than the official one is logged as a warning.

    Args:
        split: `train` (2975 samples), `val` (500) or `test` (1525).
        root: the folder holding `leftImg8bit` and `gtFine`; None: `$SEG_DATA/cityscapes` or
            `data/cityscapes`.
        annotation: `labelIds`, as downloaded, or `labelTrainIds`, as written by cityscapesScripts.

    Raises:
        ConfigError: an unknown split or annotation.
        DataError: the folders or their files are missing or do not pair up.
    """

    def __init__(
        self,
        *,
        split: Split,
        root: str | Path | None = None,
        annotation: Annotation = "labelIds",
    ) -> None:
        _check_choice("split", split, get_args(Split))
        _check_choice("annotation", annotation, get_args(Annotation))
        folders = (f"leftImg8bit/{split}", f"gtFine/{split}")
        folder = find_root(root, dataset="cityscapes", expected=folders, how_to_get=_HOW_TO_GET)
        images = named_files(folder / folders[0], pattern="*/*", ending="_leftImg8bit")
        labels = _label_files(folder / folders[1], annotation)
        super().__init__(match_pairs(images, labels), labels=_LABELS[annotation], split=split)
        if len(self) != _COUNTS[split]:
            _log.warning(
                "Cityscapes %s in %s has %d samples, the official split %d: partial download?",
                split, folder, len(self), _COUNTS[split],
            )  # fmt: skip


def _check_choice(key: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"Cityscapes has no {key} {value!r}; allowed: {', '.join(allowed)}")


def _label_files(folder: Path, annotation: str) -> dict[str, Path]:
    try:
        return named_files(folder, pattern="*/*", ending=f"_gtFine_{annotation}")
    except DataError as error:
        if annotation != "labelTrainIds":
            raise
        raise DataError(
            f"{error}\n  they are written by cityscapesScripts (createTrainIdLabelImgs.py);"
            " dataset.annotation=labelIds reads the files as downloaded"
        ) from error
