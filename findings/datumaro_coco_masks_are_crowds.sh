#!/usr/bin/env bash
# Believed: the COCO exporter of datumaro (the one behind CVAT's "COCO 1.0") writes an object that was drawn as one mask as an
#   ordinary instance: iscrowd 0. COCO's iscrowd 1 means a group of objects that nobody told apart.
# Seen (datumaro 1.13.12): each mask becomes a crowd, a polygon of the same pixels does not. pycocotools and torchvision's
#   reference scripts leave crowds out of training and scores, so that all objects drawn with a brush are lost without a word.
# Remedy: treat iscrowd in such exports as of the class, or export polygons.
# Exits 1 if that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check datumaro==1.13.12 pycocotools==2.0.11
cd "$directory"
"$directory/venv/bin/python" - <<'PYTHON'
import json
import sys
from pathlib import Path

import numpy as np
from datumaro.components.annotation import Mask, Polygon
from datumaro.components.dataset import Dataset
from datumaro.components.dataset_base import DatasetItem
from datumaro.components.media import Image

mask = np.zeros((8, 10), bool)
mask[1:5, 1:6] = True
shapes = [
    Mask(mask, label=0, id=1, group=1),
    Polygon([1, 1, 6, 1, 6, 5, 1, 5], label=0, id=2, group=2),
]
image = Image.from_numpy(np.zeros((8, 10, 3), np.uint8))
item = DatasetItem(id="a", subset="train", media=image, annotations=shapes)
Dataset.from_iterable([item], categories=["car"]).export("out", "coco_instances", save_media=True)
written = json.loads(Path("out/annotations/instances_train.json").read_text())["annotations"]
crowds = {each["id"]: each["iscrowd"] for each in written}
print("believed: iscrowd of the mask 0, of the polygon 0")
print(f"seen:     iscrowd of the mask {crowds[1]}, of the polygon {crowds[2]}")
sys.exit(crowds != {1: 1, 2: 0})
PYTHON
