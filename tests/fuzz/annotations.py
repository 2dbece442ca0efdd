"""Files of annotation tools, and of published datasets: shapes, run lengths, lists."""

import base64
import json
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from seg.data.datasets.coco_instances import CocoInstances
from seg.data.datasets.coco_panoptic import CocoPanoptic
from seg.data.datasets.cvat_images import CvatImages
from seg.data.datasets.cvat_mask import CvatMask
from seg.data.datasets.geojson import GeoJson
from seg.data.datasets.label_studio import LabelStudio
from seg.data.datasets.pascal_voc import PascalVoc
from seg.data.datasets.supervisely import Supervisely
from seg.data.datasets.via import Via
from seg.data.datasets.yolo_seg import YoloSeg
from seg.data.readers.polygons import PolygonLabels
from tests.data.datasets import (
    coco_tree,
    geojson_tree,
    label_studio_tree,
    supervisely_tree,
    via_tree,
    yolo_tree,
)
from tests.data.datasets.cvat_tree import plant, write_cvat_xml
from tests.fuzz.kind import Kind

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (12, 16, 3)).astype(np.uint8)
IDS = RNG.integers(0, 3, (12, 16)).astype(np.uint8)
SEGMENTS = np.dstack([IDS, IDS * 0, IDS * 0])


def write_shapes(folder: Path) -> Path:
    mask = BytesIO()
    Image.fromarray(IDS > 0).save(mask, "PNG")
    kinds = {
        "polygon": [[1, 1], [9, 2.5], [5, 9]],
        "rectangle": [[1, 1], [5, 5]],
        "rotation": [[3, 0], [6, 3], [3, 6], [0, 3]],
        "circle": [[8, 8], [10, 8]],
        "linestrip": [[0, 0], [5, 5], [9, 0]],
        "point": [[3, 3]],
        "mask": [[0, 0], [15, 11]],
    }
    shapes = [
        {"label": "car", "points": points, "shape_type": kind, "flags": {}}
        for kind, points in kinds.items()
    ]
    shapes[-1]["mask"] = base64.b64encode(mask.getvalue()).decode()
    content = {"version": "5.5.0", "shapes": shapes, "imageWidth": 16, "imageHeight": 12}
    (folder / "a.json").write_text(json.dumps(content))
    return folder / "a.json"


def draw_shapes(path: Path) -> None:
    PolygonLabels({"car": 1}, unlabelled=0)(path)


def panoptic(name):
    def write(folder: Path) -> Path:
        for each in ("annotations/panoptic_val2017", "val2017"):
            (folder / each).mkdir(parents=True)
        Image.fromarray(PIXELS).save(folder / "val2017/1.jpg")
        Image.fromarray(SEGMENTS).save(folder / "annotations/panoptic_val2017/1.png")
        segments = [{"id": id_, "category_id": 3 * id_} for id_ in (1, 2)]
        content = {
            "images": [{"id": 1, "file_name": "1.jpg"}],
            "annotations": [{"image_id": 1, "file_name": "1.png", "segments_info": segments}],
            "categories": [{"id": 3, "name": "a"}, {"id": 6, "name": "b"}],
        }
        (folder / "annotations/panoptic_val2017.json").write_text(json.dumps(content))
        return folder / name

    return write


def read_panoptic(root: Path) -> bytes:
    return CocoPanoptic(split="val", root=root)[0].label.tobytes()


def write_instances(folder: Path) -> Path:
    return coco_tree.plant(folder) / "annotations/instances_val2017.json"


def read_instances(path: Path) -> None:
    for boxes in ("error", "ignored"):
        dataset = CocoInstances(split="val", root=path.parent.parent, boxes=boxes)
        [dataset[index] for index in range(len(dataset))]


def write_yolo(name):
    def write(folder: Path) -> Path:
        return yolo_tree.plant(folder, {"train": "images/train", "val": "images/val"}) / name

    return write


def read_yolo(root: Path) -> None:
    for options in ({}, {"boxes": "draw", "unannotated": "background"}):
        for sample in YoloSeg(split="train", root=root, **options):
            assert sample.label.shape == sample.image.shape[:2]


def write_label_studio(folder: Path) -> Path:
    stroke = label_studio_tree.stroke(np.eye(5, 10, dtype=int) * 255)
    regions = [
        label_studio_tree.rectangle("car", 1, 1, 3, 2, rotation=30),
        label_studio_tree.region("brush", "road", format="rle", rle=stroke),
        label_studio_tree.region("polygon", "car", points=[[0, 0], [50, 10], [20, 80]]),
        label_studio_tree.region("ellipse", "road", x=50, y=50, radiusX=20, radiusY=30),
    ]
    tasks = [
        label_studio_tree.task(number, label_studio_tree.annotation(*regions)) for number in (1, 2)
    ]
    return label_studio_tree.plant(folder, tasks) / "export.json"


def read_label_studio(path: Path) -> None:
    dataset = LabelStudio(split="train", root=path.parent, several="newest")
    [dataset[index] for index in range(len(dataset))]


def read_geojson(path: Path) -> None:
    dataset = GeoJson(split="train", root=path.parent, unannotated="background")
    [dataset[index] for index in range(len(dataset))]


def read_supervisely(root: Path) -> None:
    for options in ({}, {"undrawn": "exclude", "unannotated": "background"}):
        dataset = Supervisely(split="train", root=root, **options)
        [dataset[index] for index in range(len(dataset))]


def read_via(path: Path) -> None:
    dataset = Via(split="train", root=path.parent, unannotated="background")
    [dataset[index] for index in range(len(dataset))]


def write_voc(folder: Path) -> Path:
    plant(folder, {"train": ["a", "b"]})
    (folder / "labelmap.txt").unlink()
    for label in (folder / "SegmentationClass").iterdir():
        Image.fromarray(np.zeros((1, 3), np.uint8)).save(label)
    return folder / "ImageSets/Segmentation/train.txt"


def write_cvat(folder: Path) -> Path:
    return plant(folder, {"train": ["a", "b"]}) / "ImageSets/Segmentation/train.txt"


def write_labelmap(folder: Path) -> Path:
    return plant(folder, {"train": ["a"]}) / "labelmap.txt"


def read_cvat(root: Path) -> None:
    dataset = CvatMask(split="train", root=root)
    [dataset[index] for index in range(len(dataset))]


def read_cvat_xml(path: Path) -> None:
    dataset = CvatImages(split="train", root=path.parent)
    [dataset[index] for index in range(len(dataset))]


def read_voc(root: Path) -> None:
    dataset = PascalVoc(split="train", root=root)
    [dataset[index] for index in range(len(dataset))]


ANNOTATIONS = (
    Kind("LabelMe", write_shapes, draw_shapes, "json"),
    Kind("Label Studio", label_studio_tree.write, read_label_studio, "json"),
    Kind("Supervisely", supervisely_tree.write,
         lambda path: read_supervisely(path.parent.parent.parent), "json"),
    Kind("Supervisely project", supervisely_tree.write_project,
         lambda path: read_supervisely(path.parent), "json"),
    Kind("VIA", via_tree.write, read_via, "json"),
    Kind("VIA CSV", via_tree.write_csv, read_via),
    Kind("VIA 3", via_tree.write_project3, read_via, "json"),
    Kind("COCO panoptic: JSON", panoptic("annotations/panoptic_val2017.json"),
         lambda path: read_panoptic(path.parent.parent), "json"),
    Kind("COCO panoptic: PNG", panoptic("annotations/panoptic_val2017/1.png"),
         lambda path: read_panoptic(path.parent.parent.parent), verified=True),
    Kind("COCO instances", write_instances, read_instances, "json"),
    Kind("GeoJSON of QuPath", geojson_tree.write_qupath, read_geojson, "json"),
    Kind("GeoJSON of a map", geojson_tree.write_map, read_geojson, "json"),
    Kind("VOC list", write_voc, lambda path: read_voc(path.parent.parent.parent)),
    Kind("CVAT list", write_cvat, lambda path: read_cvat(path.parent.parent.parent)),
    Kind("CVAT XML", write_cvat_xml, read_cvat_xml),
    Kind("CVAT label map", write_labelmap, lambda path: read_cvat(path.parent)),
    Kind("YOLO polygons", write_yolo("labels/train/train1.txt"),
         lambda path: read_yolo(path.parent.parent.parent)),
    Kind("YOLO data.yaml", write_yolo("data.yaml"), lambda path: read_yolo(path.parent), "yaml"),
)  # fmt: skip
