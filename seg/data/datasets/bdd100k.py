"""BDD100K (Yu et al., CVPR 2020): semantic segmentation of its 10k images, 1280 x 720."""

from pathlib import Path
from typing import Literal, get_args

from seg.data.datasets.cityscapes import TRAIN_IDS
from seg.data.readers.dataset_root import find_root
from seg.data.readers.image_label_pairs import PairDataset, match_pairs, named_files
from seg.data.readers.splits import NO_TEST, check_choice, warn_if_partial

Split = Literal["train", "val"]

_COUNTS = {"train": 7000, "val": 1000}
_HOW_TO_GET = (
    "register at bdd-data.berkeley.edu, unpack '10K Images' and 'Semantic Segmentation' in one"
    " place; root is the directory bdd100k"
)


class BDD100K(PairDataset):
    """One split of BDD100K in the 19 classes of Cityscapes.

    Files: `images/10k/<split>/*.jpg` with `labels/sem_seg/masks/<split>/*.png`, which hold train
    ids 0-18 and 255. A number of samples other than the official one is logged as a warning.

    Args:
        split: `train` (7000 samples) or `val` (1000).
        root: the directory holding `images` and `labels`; None: `$SEG_DATA/bdd100k` or
            `data/bdd100k`.

    Raises:
        ConfigError: an unknown split.
        DataError: the directories or their files are missing or do not pair up.
    """

    def __init__(self, *, split: Split, root: str | Path | None = None) -> None:
        check_choice("BDD100K", "split", split, get_args(Split), why=NO_TEST)
        directories = (f"images/10k/{split}", f"labels/sem_seg/masks/{split}")
        directory = find_root(root, dataset="bdd100k", expected=directories, how_to_get=_HOW_TO_GET)
        images, labels = (named_files(directory / name) for name in directories)
        super().__init__(match_pairs(images, labels), labels=TRAIN_IDS, split=split)
        warn_if_partial("BDD100K", split, len(self), _COUNTS[split], directory)
