#!/usr/bin/env bash
# Believed: in an export of label-studio-sdk as COCO with images, `file_name` is the path of the copied image in the export:
#   images/a.png beside result.json.
# Seen (label-studio-sdk 2.1.2): uploaded images are copied to images/, but `file_name` leads to the place that they were copied
#   from (../upload/1/a.png). Unpacked elsewhere, none is found (also github.com/HumanSignal/label-studio/issues/7294).
# Remedy: look for the last part of `file_name` in images/.
# Exits 1 if that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check label-studio-sdk==2.1.2
cd "$directory"
"$directory/venv/bin/python" - <<'PYTHON'
import json
import sys
from pathlib import Path

from label_studio_sdk.converter import Converter
from PIL import Image

Path("upload/1").mkdir(parents=True)
Image.new("RGB", (10, 8)).save("upload/1/a.png")
points = [[10, 12.5], [60, 12.5], [60, 62.5], [10, 62.5]]
region = {
    "id": "p", "type": "polygonlabels", "from_name": "label", "to_name": "image", "image_rotation": 0,
    "original_width": 10, "original_height": 8,
    "value": {"points": points, "closed": True, "polygonlabels": ["car"]},
}
task = {
    "id": 1, "data": {"image": "/data/upload/1/a.png"}, "annotations": [{"id": 1, "result": [region]}],
}
Path("tasks.json").write_text(json.dumps([task]))
view = (
    '<View><Image name="image" value="$image"/><PolygonLabels name="label" toName="image">'
    '<Label value="car"/></PolygonLabels></View>'
)
converter = Converter(view, ".", upload_dir="upload", download_resources=True)
converter.convert_to_coco("tasks.json", "out", output_image_dir="out/images", is_dir=False)
(image,) = json.loads(Path("out/result.json").read_text())["images"]
copied = [path.name for path in Path("out/images").iterdir()]
print("believed: file_name is images/a.png")
print(f"seen:     file_name is {image['file_name']}, while out/images holds {copied}")
sys.exit(not (image["file_name"] == "../upload/1/a.png" and copied == ["a.png"]))
PYTHON
