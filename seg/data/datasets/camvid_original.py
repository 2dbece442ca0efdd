"""CamVid as published (Brostow et al., Pattern Recognition Letters 2009): 32 colors, 960 x 720."""

from pathlib import Path
from typing import Literal, get_args

from seg.data.label_space import LabelSpace
from seg.data.readers.color_labels import ColorLabels
from seg.data.readers.dataset_root import find_root
from seg.data.readers.image_label_pairs import PairDataset, match_pairs, named_files
from seg.data.readers.splits import check_choice, warn_if_partial
from seg.errors import DataError

Split = Literal["train", "val", "test"]

# label_colors.txt of the dataset, in its order; its 32nd name is Void.
_CLASSES = (
    ("Animal", (64, 128, 64)), ("Archway", (192, 0, 128)), ("Bicyclist", (0, 128, 192)),
    ("Bridge", (0, 128, 64)), ("Building", (128, 0, 0)), ("Car", (64, 0, 128)),
    ("CartLuggagePram", (64, 0, 192)), ("Child", (192, 128, 64)), ("Column_Pole", (192, 192, 128)),
    ("Fence", (64, 64, 128)), ("LaneMkgsDriv", (128, 0, 192)), ("LaneMkgsNonDriv", (192, 0, 64)),
    ("Misc_Text", (128, 128, 64)), ("MotorcycleScooter", (192, 0, 192)),
    ("OtherMoving", (128, 64, 64)), ("ParkingBlock", (64, 192, 128)), ("Pedestrian", (64, 64, 0)),
    ("Road", (128, 64, 128)), ("RoadShoulder", (128, 128, 192)), ("Sidewalk", (0, 0, 192)),
    ("SignSymbol", (192, 128, 128)), ("Sky", (128, 128, 128)), ("SUVPickupTruck", (64, 128, 192)),
    ("TrafficCone", (0, 0, 64)), ("TrafficLight", (0, 64, 64)), ("Train", (192, 64, 128)),
    ("Tree", (128, 128, 0)), ("Truck_Bus", (192, 128, 192)), ("Tunnel", (64, 0, 64)),
    ("VegetationMisc", (192, 192, 0)), ("Wall", (64, 192, 0)),
)  # fmt: skip
_VOID = (0, 0, 0)

LABELS = LabelSpace.identity(
    tuple(name for name, _ in _CLASSES), tuple(color for _, color in _CLASSES)
)
"""31 classes; Void is ignored. File values are what the colors were turned into."""

# The split of Sturgess et al. (BMVC 2009) and SegNet: sequence, first and last frame.
_RANGES: tuple[tuple[str, int, int, Split], ...] = (
    ("0001TP", 6690, 8520, "train"),
    ("0001TP", 8550, 10380, "test"),
    ("0006R0", 930, 3930, "train"),
    ("0016E5", 390, 7920, "train"),
    ("0016E5", 7959, 8159, "val"),
    ("0016E5", 8190, 8640, "train"),
    ("Seq05VD", 0, 5100, "test"),
)
_COUNTS = {"train": 367, "val": 101, "test": 233}
_IMAGES, _LABELS = "701_StillsRaw_full", "LabeledApproved_full"
_HOW_TO_GET = (
    "701_StillsRaw_full.zip and LabeledApproved_full.zip of"
    " mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid,"
    " each unpacked into a directory of its name"
)


class CamVidOriginal(PairDataset):
    """One split of CamVid in its 31 classes and Void.

    Files: `701_StillsRaw_full/NAME.png` with colors in `LabeledApproved_full/NAME_L.png`. A
    number of samples other than the official one is logged as a warning.

    Args:
        split: `train` (367 samples), `val` (101) or `test` (233).
        root: the directory holding both; None: `$SEG_DATA/camvid_original` or
            `data/camvid_original`.

    Raises:
        ConfigError: an unknown split.
        DataError: the directories or their files are missing, do not pair up, or are not of CamVid.
    """

    def __init__(self, *, split: Split, root: str | Path | None = None) -> None:
        check_choice("CamVid", "split", split, get_args(Split))
        directory = find_root(
            root, dataset="camvid_original", expected=(_IMAGES, _LABELS), how_to_get=_HOW_TO_GET
        )
        images = named_files(directory / _IMAGES)
        labels = named_files(directory / _LABELS, ending="_L")
        images, labels = (
            {name: path for name, path in files.items() if split_of(name) == split}
            for files in (images, labels)
        )
        ids = {color: index for index, (_, color) in enumerate(_CLASSES)}
        super().__init__(
            match_pairs(images, labels),
            labels=LABELS,
            split=split,
            read=ColorLabels(ids | {_VOID: LABELS.ignore_index}),
        )
        warn_if_partial("CamVid", split, len(self), _COUNTS[split], directory)


def split_of(name: str) -> Split:
    """Return the split that an image of the 701 belongs to.

    Args:
        name: SEQUENCE_FRAME, such as `0016E5_07959` or `Seq05VD_f00030`.

    Raises:
        DataError: the name is none of CamVid's.
    """
    sequence, _, frame = name.rpartition("_")
    digits = frame.removeprefix("f")
    if digits.isdecimal():
        for known, first, last, split in _RANGES:
            if sequence == known and first <= int(digits) <= last:
                return split
    raise DataError(
        f"{name}: not one of CamVid's 701 labelled images\n"
        f"  they are SEQUENCE_FRAME of {', '.join(sorted({known for known, *_ in _RANGES}))};"
        " move other files out of the directory"
    )
