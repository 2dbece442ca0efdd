"""A small tree of COCO instances: one image with annotations, one without."""

import json

from PIL import Image

SIZE = (6, 5)
CATEGORIES = [
    {"id": 90, "name": "sign", "supercategory": "outdoor"},
    {"id": 7, "name": "road"},
    {"id": 3, "name": "car", "supercategory": "vehicle"},
]
CAR = {"image_id": 11, "category_id": 3, "segmentation": [[1, 1, 5, 1, 5, 4, 1, 4]], "iscrowd": 0}
SIGN = {"image_id": 11, "category_id": 90, "segmentation": {"size": [5, 6], "counts": "<1a0"}}
ROAD = {
    "image_id": 11,
    "category_id": 7,
    "segmentation": {"size": [5, 6], "counts": [0, 5, 25]},
    "iscrowd": 1,
}
IDS = [
    [7, 0, 0, 0, 0, 0],
    [7, 3, 3, 3, 3, 0],
    [7, 3, 90, 3, 3, 0],
    [7, 3, 3, 3, 3, 0],
    [7, 0, 0, 0, 0, 0],
]
POSITIONS = [[{0: 0, 90: 1, 7: 2, 3: 3}[id_] for id_ in row] for row in IDS]


def content(annotations=(SIGN, CAR, ROAD), names=("a.jpg", "b.jpg"), categories=CATEGORIES):
    images = [
        {"id": 11 - at, "file_name": name, "width": SIZE[0], "height": SIZE[1]}
        for at, name in enumerate(names)
    ]
    numbered = [{"id": at, **each} for at, each in enumerate(annotations, 1)]
    return {"images": images, "annotations": numbered, "categories": categories}


def plant(root, file="annotations/instances_val2017.json", images="val2017", **changes):
    """Write the annotation file and its images; returns the root."""
    written = content(**changes)
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(json.dumps(written))
    for at, image in enumerate(written["images"]):
        path = root / images / image["file_name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SIZE, (at, 2, 3)).save(path)
    return root
