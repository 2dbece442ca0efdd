"""Files as the VGG Image Annotator writes them, versions 1 to 3."""

import csv
import io
import json

import numpy as np
from PIL import Image

SIZE = (8, 5)


def region(kind, label=None, /, *, key="type", **shape):
    attributes = {} if label is None else {key: label}
    return {"shape_attributes": {"name": kind, **shape}, "region_attributes": attributes}


def rect(label, x, y, width, height, **options):
    return region("rect", label, x=x, y=y, width=width, height=height, **options)


def polygon(label, *corners, **options):
    xs, ys = zip(*corners, strict=True)
    return region("polygon", label, all_points_x=list(xs), all_points_y=list(ys), **options)


def entry(name, *regions, size=-1):
    return {"filename": name, "size": size, "regions": list(regions), "file_attributes": {}}


def export(*entries):
    """Annotations as JSON."""
    return {f"{each['filename']}{each['size']}": each for each in entries}


def project(*entries, options=None):
    attribute = {"type": "dropdown", "description": "", "options": options or {}}
    return {"_via_settings": {"core": {"default_filepath": ""}},
            "_via_img_metadata": export(*entries),
            "_via_attributes": {"region": {"type": attribute}, "file": {}},
            "_via_data_format_version": "2.0.10",
            "_via_image_id_list": list(export(*entries))}  # fmt: skip


def as_csv(*entries, hash_sign=""):
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    rows.writerow([f"{hash_sign}filename", "file_size", "file_attributes", "region_count",
                   "region_id", "region_shape_attributes", "region_attributes"])  # fmt: skip
    for each in entries:
        start, regions = [each["filename"], each["size"], "{}"], each["regions"]
        for at, one in enumerate(regions):
            shape, attributes = (
                json.dumps(one[f"{key}_attributes"]) for key in ("shape", "region")
            )
            rows.writerow([*start, len(regions), at, shape, attributes])
        if not regions:
            rows.writerow([*start, 0, 0, "{}", "{}"])
    return text.getvalue()


def project3(shapes, attribute=None, **file):
    """A project of version 3 with one image, `1.png`; shapes are `(numbers, value)`."""
    named = {"aname": "kind", "anchor_id": "FILE1_Z0_XY1", "type": 4, "desc": "",
             "options": {"1": "car", "2": "road"}, "default_option_id": ""}  # fmt: skip
    metadata = {
        f"1_{at}": {"vid": "1", "flg": 0, "z": [], "xy": numbers, "av": {"1": value}}
        for at, (numbers, value) in enumerate(shapes)
    }
    return {"project": {"pname": "a", "vid_list": ["1"]}, "config": {},
            "attribute": {"1": named | (attribute or {})}, "metadata": metadata,
            "file": {"1": {"fid": "1", "fname": "1.png", "type": 2, "loc": 1, "src": ""} | file},
            "view": {"1": {"fid_list": ["1"]}}}  # fmt: skip


def with_another_image(content):
    """The project of version 3 with a car in `2.png`, too."""
    car = {"vid": "2", "flg": 0, "z": [], "xy": [2, 0, 0, 1, 1], "av": {"1": "1"}}
    return content | {
        "file": content["file"] | {"2": content["file"]["1"] | {"fid": "2", "fname": "2.png"}},
        "view": content["view"] | {"2": {"fid_list": ["2"]}},
        "metadata": content["metadata"] | {"2_0": car},
    }


def plant(root, content, name="via_region_data.json", images=("1.png", "2.png")):
    """An annotation file and the images beside it."""
    root.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images):
        noise = np.random.default_rng(number).integers(0, 256, (*SIZE[::-1], 3), np.uint8)
        Image.fromarray(noise).save(root / image)
    (root / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return root


def write(root, form="json"):
    """Two images with a region of each kind that has an area; returns the annotation file."""
    regions = [
        rect("road", 0, 1, 8, 3),
        polygon("car", (1, 1), (5.5, 1), (3, 4)),
        region("circle", "car", cx=6, cy=2, r=1.5),
        region("ellipse", "car", cx=2, cy=3, rx=2, ry=1, theta=0.5),
    ]
    entries = [entry(f"{number}.png", *regions) for number in (1, 2)]
    content = as_csv(*entries) if form == "csv" else project(*entries)
    return plant(root, content, f"annotations.{form}") / f"annotations.{form}"


def write_csv(root):
    """The same as CSV."""
    return write(root, "csv")


def write_project3(root):
    """A project of version 3 with two images; returns its file."""
    shapes = [([2, 0, 1, 8, 3], "2"), ([7, 1, 1, 5.6, 1, 3, 4.4], "1"), ([4, 1, 4, 2, 1], "1")]
    return plant(root, with_another_image(project3(shapes))) / "via_region_data.json"
