"""Directories as the exports of Label Studio give them; one of its brush encoders."""

import json

import numpy as np
from PIL import Image

SIZE = (10, 5)


def encode(values, bits=8, widths=(3, 4, 8, 16), literal=0):
    """Run lengths of a flat list; runs of one value, or `literal` values at a time as they are."""
    text = f"{len(values):032b}{bits - 1:05b}" + "".join(f"{width - 1:04b}" for width in widths)
    start = 0
    while start < len(values):
        same = 1
        while start + same < len(values) and values[start + same] == values[start]:
            same += 1
        length = min(literal or same, len(values) - start, 2 ** widths[-1])
        code = next(at for at, width in enumerate(widths) if length <= 2**width)
        text += f"{0 if literal else 1}{code:02b}{length - 1:0{widths[code]}b}"
        text += "".join(
            f"{value:0{bits}b}" for value in values[start : start + length][: literal or 1]
        )
        start += length
    text += "0" * (-len(text) % 8)
    return [int(text[at : at + 8], 2) for at in range(0, len(text), 8)]


def stroke(alpha_HW, **options):
    """Run lengths of a mask as the tool has it: four channels, of which the last counts."""
    return encode(np.repeat(np.asarray(alpha_HW).ravel(), 4).tolist(), **options)


def region(kind, label, size=SIZE, **value):
    name = f"{kind}labels"
    return {"id": f"{kind}-{label}", "type": name, "from_name": "tag", "to_name": "image",
            "original_width": size[0], "original_height": size[1], "image_rotation": 0,
            "value": {**value, name: [label]}}  # fmt: skip


def rectangle(label, *box, rotation=0):
    """Left, top, width and height in pixels of an image of `SIZE`."""
    x, y, width, height = box
    shape = {"x": 10 * x, "y": 20 * y, "width": 10 * width, "height": 20 * height}
    return region("rectangle", label, rotation=rotation, **shape)


def annotation(*regions, created="2026-01-02T03:04:05.000000Z", cancelled=False):
    return {"id": 7, "was_cancelled": cancelled, "created_at": created, "result": list(regions)}


def task(number, *annotations, image=None):
    address = image or f"/data/upload/1/ab12cd3{number}-{number}.png"
    return {"id": number, "data": {"image": address}, "annotations": list(annotations),
            "drafts": [], "predictions": [{"result": [{"type": "no shape"}]}]}  # fmt: skip


def plant(root, tasks, name="export.json", images=None):
    """An export and its images `1.png`, `2.png`, ..."""
    root.mkdir(parents=True, exist_ok=True)
    for number in range(1, len(tasks) + 1) if images is None else images:
        noise = np.random.default_rng(number).integers(0, 256, (*SIZE[::-1], 3), np.uint8)
        Image.fromarray(noise).save(root / f"{number}.png")
    (root / name).write_text(json.dumps(tasks))
    return root


def write(root):
    """Two tasks with a region of each kind; returns the export."""
    regions = [
        rectangle("car", 1, 1, 3, 2, rotation=30),
        region("brush", "road", format="rle", rle=stroke(np.eye(5, 10, dtype=int) * 255)),
        region("polygon", "car", points=[[0, 0], [50, 10], [20, 80]]),
        region("ellipse", "road", x=50, y=50, radiusX=20, radiusY=30),
    ]
    return plant(root, [task(number, annotation(*regions)) for number in (1, 2)]) / "export.json"
