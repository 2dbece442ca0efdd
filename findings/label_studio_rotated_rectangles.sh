#!/usr/bin/env bash
# Believed: the COCO export of Label Studio gives a rotated rectangle the box that encloses its corners, the corners that its
#   oriented YOLO export writes.
# Seen (label-studio-sdk 2.1.2): corners are turned in percent of the image, before they become pixels. On any image that is not
#   square the box is another one. A rectangle of 60 x 40 px, turned by 90 degrees in an image of 200 x 100, encloses 40 x 60 px;
#   COCO gets 80 x 30 px at another place. The oriented YOLO export turns them in pixels.
# Remedy: export JSON or oriented YOLO, and take boxes from the corners in pixels.
# Exits 1 if that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check label-studio-sdk==2.1.2
"$directory/venv/bin/python" - "$directory" <<'PYTHON'
import json
import sys
from importlib.metadata import version
from pathlib import Path

from label_studio_sdk.converter import Converter
from label_studio_sdk.converter.utils import convert_annotation_to_yolo_obb
from PIL import Image

root = Path(sys.argv[1])
image = root / "a.png"
Image.new("RGB", (200, 100)).save(image)
value = {"x": 40, "y": 20, "width": 30, "height": 40, "rotation": 90, "rectanglelabels": ["car"]}
size = {"original_width": 200, "original_height": 100}
result = {"id": "r", "type": "rectanglelabels", "from_name": "tag", "to_name": "image", **size, "value": value}
task = {"id": 1, "data": {"image": str(image)}, "annotations": [{"id": 1, "result": [result]}]}
(root / "export.json").write_text(json.dumps([task]))
config = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="tag" toName="image">'
    '<Label value="car"/></RectangleLabels></View>'
)
Converter(config, str(root)).convert(str(root / "export.json"), str(root / "coco"), "COCO", is_dir=False)
box = [round(each, 6) for each in json.loads((root / "coco/result.json").read_text())["annotations"][0]["bbox"]]
xs, ys = zip(*convert_annotation_to_yolo_obb({**value, **size}, normalize=False))
enclosing = [round(each, 6) for each in (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))]
print("label-studio-sdk", version("label-studio-sdk"))
print("believed, x y width height:", enclosing)
print("seen:", box)
sys.exit(0 if enclosing == [40, 20, 40, 60] and [abs(each) for each in box] == [0, 20, 80, 30] else "the behaviour has changed")
PYTHON
