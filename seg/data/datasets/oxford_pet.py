"""Oxford-IIIT Pet (Parkhi et al., CVPR 2012): 37 breeds of cats and dogs, images of any size."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from seg.data.label_space import LabelSpace
from seg.data.readers.class_table import distinct_palette
from seg.data.readers.dataset_root import find_root
from seg.data.readers.image_label_pairs import Pair, PairDataset
from seg.data.readers.listed_pairs import listed_pairs
from seg.data.readers.readers import ReadLabel, read_label
from seg.data.readers.splits import check_choice, warn_if_partial
from seg.data.readers.urls import Location, read_bytes
from seg.errors import DataError
from seg.io.source import MAX_BYTES

Split = Literal["train", "val", "test"]
Task = Literal["foreground", "trimap", "breed"]

# The files' names, in the order of their class ids, which start at 1.
_BREEDS = (
    *("Abyssinian", "american_bulldog", "american_pit_bull_terrier", "basset_hound", "beagle"),
    *("Bengal", "Birman", "Bombay", "boxer", "British_Shorthair", "chihuahua", "Egyptian_Mau"),
    *("english_cocker_spaniel", "english_setter", "german_shorthaired", "great_pyrenees"),
    *("havanese", "japanese_chin", "keeshond", "leonberger", "Maine_Coon", "miniature_pinscher"),
    *("newfoundland", "Persian", "pomeranian", "pug", "Ragdoll", "Russian_Blue", "saint_bernard"),
    *("samoyed", "scottish_terrier", "shiba_inu", "Siamese", "Sphynx"),
    *("staffordshire_bull_terrier", "wheaten_terrier", "yorkshire_terrier"),
)
_PET, _BACKGROUND, _BORDER = 1, 2, 3  # values of trimap files
_IGNORED = 255


FOREGROUND = LabelSpace(
    ("background", "pet"),
    ((0, 0, 0), (255, 128, 0)),
    ((_PET, 1), (_BACKGROUND, 0), (_BORDER, _IGNORED)),
)
"""Two classes; the border between them is ignored."""

TRIMAP = LabelSpace(
    ("pet", "background", "border"),
    ((255, 128, 0), (0, 0, 0), (255, 255, 255)),
    ((_PET, 0), (_BACKGROUND, 1), (_BORDER, 2)),
)
"""The three values of the files as classes."""

BREED = LabelSpace.identity(("background", *_BREEDS), ((0, 0, 0), *distinct_palette(len(_BREEDS))))
"""Background and 37 breeds, whose train ids are the class ids of the lists; border is ignored."""

_SPACES = {"foreground": FOREGROUND, "trimap": TRIMAP, "breed": BREED}
_LISTS = {"train": "trainval.txt", "val": "trainval.txt", "test": "test.txt"}
_COUNTS = {"train": 3312, "val": 368, "test": 3669}
_VAL_EVERY = 10
_HOW_TO_GET = "images.tar.gz and annotations.tar.gz of robots.ox.ac.uk/~vgg/data/pets, side by side"


class OxfordPet(PairDataset):
    """One split of the Oxford-IIIT Pet dataset.

    Files: `images/NAME.jpg` with `annotations/trimaps/NAME.png`, as `annotations/trainval.txt` and
    `annotations/test.txt` list them. A number of samples other than the official one is logged as
    a warning.

    Args:
        split: `train` (3312 samples), `val` (368) or `test` (3669). The dataset has no `val`: it
            is every tenth image of `trainval.txt` in the order of breed and image number.
        root: the directory holding `images` and `annotations`; None: `$SEG_DATA/oxford_pet` or
            `data/oxford_pet`.
        task: `foreground` (background and pet, border ignored), `trimap` (pet, background,
            border) or `breed` (background and 37 breeds, border ignored).

    Raises:
        ConfigError: an unknown split or task.
        DataError: the directories, lists or files are missing, wrong or do not pair up.
    """

    def __init__(
        self, *, split: Split, root: str | Path | None = None, task: Task = "foreground"
    ) -> None:
        check_choice("Oxford-IIIT Pet", "split", split, get_args(Split))
        check_choice("Oxford-IIIT Pet", "task", task, get_args(Task))
        expected = ("images", "annotations/trimaps", f"annotations/{_LISTS[split]}")
        directory = find_root(root, dataset="oxford_pet", expected=expected, how_to_get=_HOW_TO_GET)
        listed = _read_list(directory / expected[-1])
        if split != "test":
            ordered = sorted(listed, key=lambda name: (listed[name], int(name.rpartition("_")[2])))
            val = set(ordered[_VAL_EVERY - 1 :: _VAL_EVERY])
            listed = {name: listed[name] for name in ordered if (name in val) == (split == "val")}
        read: ReadLabel = BreedTrimaps(listed) if task == "breed" else read_label
        images, trimaps = directory / expected[0], directory / expected[1]
        pairs = [Pair(name, images / f"{name}.jpg", trimaps / f"{name}.png") for name in listed]
        pairing = listed_pairs(pairs, directory / expected[-1])
        super().__init__(pairing, labels=_SPACES[task], split=split, read=read)
        warn_if_partial("Oxford-IIIT Pet", split, len(self), _COUNTS[split], directory)


@dataclass(frozen=True)
class BreedTrimaps:
    """A `ReadLabel` of trimaps as the train ids of `BREED`.

    Attributes:
        class_ids: 1 to 37, by the name of the file.
    """

    class_ids: Mapping[str, int]

    def __call__(self, path: Location) -> NDArray[Any]:
        """Return the train ids of a trimap, uint8, H x W.

        Raises:
            DataError: the file cannot be read, or holds other values than a trimap's.
        """
        trimap_HW = TRIMAP.encode(read_label(path), path)
        ids = np.array([self.class_ids[Path(path).stem], 0, _IGNORED], np.uint8)
        return np.asarray(ids[trimap_HW])


def _read_list(path: Path) -> dict[str, int]:
    """Return the class id of each image, from lines `NAME CLASS_ID SPECIES BREED`."""
    text = read_bytes(path, "list", max_bytes=MAX_BYTES).decode(errors="replace")
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), 1)]
    listed: dict[str, int] = {}
    for number, fields in lines:
        if not fields or fields[0].startswith("#"):
            continue
        name = fields[0]
        breed, _, image = name.rpartition("_")
        class_id = _BREEDS.index(breed) + 1 if breed in _BREEDS else 0
        if not class_id or not image.isdecimal() or fields[1:2] != [str(class_id)]:
            raise DataError(
                f"{path}, line {number}: {' '.join(fields)!r} is not an image and its breed\n"
                "  expected NAME CLASS_ID SPECIES BREED, such as 'Abyssinian_100 1 1 1';"
                " unpack annotations.tar.gz again"
            )
        if name in listed:
            raise DataError(f"{path}, line {number}: {name} is listed twice")
        listed[name] = class_id
    return listed
