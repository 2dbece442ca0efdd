"""Projects as Supervisely writes them."""

import json

import numpy as np
from PIL import Image

SIZE = (6, 4)
CLASSES = (("road", "polygon", "#804080"), ("car", "bitmap", "#00008E"), ("any", "any", "#102030"))


def shape(label, kind, **geometry):
    return {"classTitle": label, "description": "", "tags": [], "geometryType": kind, "shape": kind,
            "nnCreated": False, "nnUpdated": False, **geometry}  # fmt: skip


def polygon(label, *corners):
    return shape(label, "polygon", points={"exterior": list(map(list, corners)), "interior": []})


def rectangle(label, left, top, right, bottom):
    return shape(
        label, "rectangle", points={"exterior": [[left, top], [right, bottom]], "interior": []}
    )


# What the package writes for a bitmap of one row: 1 0 1.
BITMAP = (
    "eJzrDPBz5+WS4mJgYOD19HAJAtLMQMzICCIV9dq+Aym2AJ8QVyD9////pTfn3wVJlwT5BTM4PLuRBuRwebo4hlTMSY4A"
    "shcxLLzTu/EMkMXg6ernss4poQkAJ5gZxg=="
)


def bitmap(label, left, top, data=BITMAP):
    return shape(label, "bitmap", bitmap={"origin": [left, top], "data": data})


def annotation(*shapes, size=SIZE, tags=()):
    return {"description": "", "size": {"height": size[1], "width": size[0]},
            "tags": [{"name": tag, "value": None} for tag in tags], "objects": list(shapes),
            "customBigData": {}}  # fmt: skip


def plant_meta(root, classes=CLASSES, **more):
    root.mkdir(parents=True, exist_ok=True)
    listed = [
        {"title": name, "description": "", "shape": kind, "color": color, "geometry_config": {},
         "hotkey": ""} for name, kind, color in classes
    ]  # fmt: skip
    (root / "meta.json").write_text(json.dumps({"classes": listed, "tags": [], **more}))
    return root


def plant(root, dataset, annotations, name="{}.jpg.json"):
    """Images `1.jpg`, `2.jpg`, ... of a dataset; annotation None: an image has none."""
    for each in ("img", "ann"):
        (root / dataset / each).mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(annotations, start=1):
        noise = np.random.default_rng(number).integers(0, 256, (*SIZE[::-1], 3), np.uint8)
        Image.fromarray(noise).save(root / dataset / "img" / f"{number}.jpg")
        if content is not None:
            path = root / dataset / "ann" / name.format(number)
            path.write_text(json.dumps(content))
    return root


def write(root):
    """Two images in each of two splits; returns the first annotation."""
    content = annotation(
        polygon("road", (0, 1), (5, 1), (5, 3), (0, 3)),
        bitmap("car", 1, 2),
        rectangle("any", 4, 0, 5, 1),
    )
    for dataset in ("train", "val"):
        plant(plant_meta(root), dataset, [content, content])
    return root / "train" / "ann" / "1.jpg.json"


def write_project(root):
    """The same; returns the file of the project."""
    write(root)
    return root / "meta.json"
