"""COCO-Stuff 164k (Caesar et al., CVPR 2018): COCO 2017 with 80 kinds of things and 91 of stuff."""

from pathlib import Path
from typing import Literal, get_args

from seg.data.datasets.pascal_voc import voc_palette
from seg.data.label_space import LabelSpace
from seg.data.readers.dataset_root import find_root
from seg.data.readers.image_label_pairs import PairDataset, match_pairs, named_files
from seg.data.readers.splits import NO_TEST, check_choice, warn_if_partial

Split = Literal["train", "val"]

# labels.txt of github.com/nightrome/cocostuff: ids 1-91 are things, 92-182 stuff, 0 is unlabeled.
_THINGS = """
person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant,
street sign, stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear,
zebra, giraffe, hat, backpack, umbrella, shoe, eye glasses, handbag, tie, suitcase, frisbee, skis,
snowboard, sports ball, kite, baseball bat, baseball glove, skateboard, surfboard, tennis racket,
bottle, plate, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange,
broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed, mirror, dining
table, window, desk, toilet, door, tv, laptop, mouse, remote, keyboard, cell phone, microwave,
oven, toaster, sink, refrigerator, blender, book, clock, vase, scissors, teddy bear, hair drier,
toothbrush, hair brush
"""
_STUFF = """
banner, blanket, branch, bridge, building-other, bush, cabinet, cage, cardboard, carpet,
ceiling-other, ceiling-tile, cloth, clothes, clouds, counter, cupboard, curtain, desk-stuff, dirt,
door-stuff, fence, floor-marble, floor-other, floor-stone, floor-tile, floor-wood, flower, fog,
food-other, fruit, furniture-other, grass, gravel, ground-other, hill, house, leaves, light, mat,
metal, mirror-stuff, moss, mountain, mud, napkin, net, paper, pavement, pillow, plant-other,
plastic, platform, playingfield, railing, railroad, river, road, rock, roof, rug, salad, sand,
sea, shelf, sky-other, skyscraper, snow, solid-other, stairs, stone, straw, structural-other,
table, tent, textile-other, towel, tree, vegetable, wall-brick, wall-concrete, wall-other,
wall-panel, wall-stone, wall-tile, wall-wood, water-other, waterdrops, window-blind, window-other,
wood
"""
NAMES = tuple(" ".join(f"{_THINGS.strip()}, {_STUFF.strip()}".split()).split(", "))
"""The names of ids 1-182."""

# labels.md: "Removed from COCO", in no label file.
REMOVED = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91)
"""The ids without a class here."""

_IDS = tuple(id_ for id_ in range(1, len(NAMES) + 1) if id_ not in REMOVED)
_COLORS = voc_palette(len(NAMES) + 1)  # there is no official palette; unlabeled is black here

LABELS = LabelSpace(
    names=tuple(NAMES[id_ - 1] for id_ in _IDS),
    palette=tuple(_COLORS[id_] for id_ in _IDS),
    file_ids=(*((id_ - 1, train_id) for train_id, id_ in enumerate(_IDS)), (255, 255)),
)
"""171 classes in the order of ids. Label files hold id - 1, and 255 for unlabeled, ignored."""

_IMAGES = ("images", "")
_ANNOTATIONS = ("annotations", "stuffthingmaps_trainval2017")
_COUNTS = {"train": 118287, "val": 5000}
_HOW_TO_GET = (
    "unpack train2017.zip and val2017.zip of cocodataset.org in images/ (or right there), and\n"
    "  stuffthingmaps_trainval2017.zip, which github.com/nightrome/cocostuff links to, in"
    " annotations/\n  (or stuffthingmaps_trainval2017/)"
)


class CocoStuff(PairDataset):
    """One split of COCO-Stuff 164k, 171 classes, images of many sizes.

    Files: `images/<split>2017/*.jpg` or `<split>2017/*.jpg`, with
    `annotations/<split>2017/*.png` or `stuffthingmaps_trainval2017/<split>2017/*.png`. The labels
    of `test` are not public. A number of samples other than the official one is logged as a
    warning.

    Args:
        split: `train` (118287 samples) or `val` (5000).
        root: the directory holding them; None: `$SEG_DATA/coco_stuff` or `data/coco_stuff`.

    Raises:
        ConfigError: an unknown split.
        DataError: the directories or their files are missing or do not pair up.
    """

    def __init__(self, *, split: Split, root: str | Path | None = None) -> None:
        check_choice("COCO-Stuff", "split", split, get_args(Split), why=NO_TEST)
        directory = find_root(root, dataset="coco_stuff", expected=(), how_to_get=_HOW_TO_GET)
        directories = []
        for homes in (_IMAGES, _ANNOTATIONS):
            candidates = [f"{home}/{split}2017".lstrip("/") for home in homes]
            present = (path for path in candidates if (directory / path).is_dir())
            directories.append(next(present, candidates[0]))
        find_root(root, dataset="coco_stuff", expected=directories, how_to_get=_HOW_TO_GET)
        images = named_files(directory / directories[0], suffixes=(".jpg",))
        # Names end in digits; other tools write *_labelTrainIds.png beside them.
        labels = named_files(directory / directories[1], pattern="*[0-9].png", suffixes=(".png",))
        super().__init__(match_pairs(images, labels), labels=LABELS, split=split)
        warn_if_partial("COCO-Stuff", split, len(self), _COUNTS[split], directory)
