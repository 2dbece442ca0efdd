#!/usr/bin/env bash
# Believed: Annotation.to_nonoverlapping_masks, by which Project.to_segmentation_task makes masks of a project, gives each pixel to
#   the topmost object that covers it, as it does for bitmaps and polygons.
# Seen (supervisely 6.74.51): it draws the number of each object into one map, and alpha masks are blended into it. Where the alpha of
#   object 4 is one half over nothing, the pixels get number 2 and so the class of object 2, which lies elsewhere. Nothing is logged.
# Remedy: take `label.get_mask(size)` of each object, and paint the masks in order.
# Exits 1 if that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check supervisely==6.74.51
"$directory/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import supervisely as sly

SIZE = (4, 8)
classes = {
    name: sly.ObjClass(name, kind)
    for name, kind in (("road", sly.Bitmap), ("car", sly.Bitmap), ("sign", sly.Bitmap), ("smoke", sly.AlphaMask))
}
dot = np.ones((1, 1), bool)
half = np.full((2, 2), 128, np.uint8)
labels = [
    sly.Label(sly.Bitmap(dot, sly.PointLocation(0, at)), classes[name])
    for at, name in enumerate(("road", "car", "sign"))
]
labels.append(sly.Label(sly.AlphaMask(half, sly.PointLocation(2, 4)), classes["smoke"]))
apart = sly.Annotation(SIZE, labels).to_nonoverlapping_masks({each: each for each in classes.values()})
pixels = dict.fromkeys(classes, 0)
for label in apart.labels:
    pixels[label.obj_class.name] += int(label.get_mask(SIZE).sum())
believed = {"road": 1, "car": 1, "sign": 1, "smoke": 4}
print("supervisely", version("supervisely"))
print("believed, pixels of each class:", believed)
print("seen:", pixels)
sys.exit(0 if pixels == {"road": 1, "car": 5, "sign": 1, "smoke": 0} else "the behaviour has changed")
PYTHON
