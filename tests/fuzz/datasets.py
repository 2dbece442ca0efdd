"""Files that other tools and people write: labels, images, tables and archives."""

import base64
import json
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from PIL import Image

from seg.data.classification.image_csv import ImageCsv
from seg.data.datasets.coco_instances import CocoInstances
from seg.data.datasets.coco_panoptic import CocoPanoptic
from seg.data.datasets.csv import Csv
from seg.data.datasets.cvat_images import CvatImages
from seg.data.datasets.cvat_mask import CvatMask
from seg.data.datasets.label_studio import LabelStudio
from seg.data.datasets.pascal_voc import PascalVoc
from seg.data.datasets.yolo_seg import YoloSeg
from seg.data.label_space import LabelSpace
from seg.data.readers.class_table import read_classes
from seg.data.readers.image_label_pairs import Pair, PairDataset
from seg.data.readers.polygons import PolygonLabels
from seg.data.readers.readers import read_colors, read_image, read_indices, read_label
from seg.data.wrappers.cached import CachedDataset
from seg.dataset_tools.archives import Limits, unpack
from seg.prediction.items import Item
from seg.prediction.reader import ItemReader
from tests.data.datasets import coco_tree, label_studio_tree, yolo_tree
from tests.data.datasets.cvat_tree import plant
from tests.data.datasets.cvat_tree import plant, write_cvat_xml
from tests.fuzz.kind import Kind

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (12, 16, 3)).astype(np.uint8)
IDS = RNG.integers(0, 3, (12, 16)).astype(np.uint8)
SEGMENTS = np.dstack([IDS, IDS * 0, IDS * 0])
LIMITS = Limits(entries=20, total_bytes=2**20, ratio=100)


def palette_picture() -> Image.Image:
    picture = Image.fromarray(IDS, "P")
    picture.putpalette([0, 0, 0, 128, 64, 128, 0, 0, 142])
    return picture


def picture_file(name, picture, **options):
    def write(folder: Path) -> Path:
        picture().save(folder / name, **options)
        return folder / name

    return write


def text_file(name, text):
    def write(folder: Path) -> Path:
        (folder / name).write_text(text)
        return folder / name

    return write


def pixels_of(path: Path) -> tuple:
    image = read_image(path)
    return image.shape, image.tobytes()


def ids_of(path: Path) -> tuple:
    label = read_label(path)
    indices, _ = read_indices(path)
    return label.shape, label.tobytes(), indices.tobytes()


def colors_of(path: Path) -> tuple:
    colors = read_colors(path)
    return colors.shape, colors.tobytes()


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


def write_table(folder: Path) -> Path:
    for number in range(3):
        Image.fromarray(PIXELS).save(folder / f"{number}.png")
        Image.fromarray(IDS).save(folder / f"{number}_ids.png")
    splits = ("train", "train", "val")
    rows = [f"{number}.png,{number}_ids.png,{split}" for number, split in enumerate(splits)]
    (folder / "samples.csv").write_text("\n".join(["image,label,split", *rows]) + "\n")
    return folder / "samples.csv"


def read_samples(path: Path) -> None:
    for sample in Csv(split="train", table=path):
        assert sample.label.shape == sample.image.shape[:2]


def read_categories(path: Path) -> None:
    dataset = ImageCsv(split="train", table=path)
    [dataset[index] for index in range(len(dataset))]


def write_voc(folder: Path) -> Path:
    plant(folder, {"train": ["a", "b"]})
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


FILES = {"images/a.txt": b"first" * 50, "images/b.bin": bytes(range(256)), "c.txt": b"last"}


def tar_file(name, mode):
    def write(folder: Path) -> Path:
        with tarfile.open(folder / name, mode) as archive:
            for member, content in FILES.items():
                info = tarfile.TarInfo(member)
                info.size = len(content)
                archive.addfile(info, BytesIO(content))
        return folder / name

    return write


def write_zip(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("images")
        for member, content in FILES.items():
            archive.writestr(member, content)
    return folder / "a.zip"


def unpacked(path: Path) -> list:
    with TemporaryDirectory() as folder:
        unpack(path, Path(folder), limits=LIMITS)
        files = sorted(each for each in Path(folder).rglob("*") if each.is_file())
        return [each.read_bytes() for each in files]


def contents_of_a_zip(path: Path) -> bool:
    """Names have no checksum, and a file may be lost with its entry: contents are whole."""
    return set(unpacked(path)) <= set(FILES.values())


def write_cached(folder: Path) -> Path:
    for name, picture in (("a.png", COLORS), ("a_ids.png", GREY)):
        picture().save(folder / name)
    cached = cached_in(folder)
    assert cached[0].name
    (path,) = (folder / "cache").rglob("*.pixels")
    return path


def cached_in(folder: Path) -> CachedDataset:
    labels = LabelSpace.identity(("a", "b", "c"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))
    pair = Pair("a", folder / "a.png", folder / "a_ids.png")
    return CachedDataset(PairDataset((pair,), labels=labels, split="train"), folder / "cache")


def read_cached(path: Path) -> tuple:
    """What is damaged is decoded again, and written over."""
    sample = cached_in(path.parent.parent.parent)[0]
    return sample.image.tobytes(), sample.label.tobytes()


def write_raster(folder: Path) -> Path:
    rasterio = pytest.importorskip("rasterio")
    place = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 5e6)}
    size = {"width": 16, "height": 12, "count": 3, "dtype": "uint8"}
    with rasterio.open(folder / "a.tif", "w", driver="GTiff", **size, **place) as raster:
        raster.write(np.moveaxis(PIXELS, 2, 0))
    return folder / "a.tif"


def read_raster(path: Path) -> None:
    raster = ItemReader().open(Item("a", str(path), "raster"))
    raster.read(slice(0, raster.height), slice(0, raster.width))


def classes(content):
    return text_file("classes.json", json.dumps(content))


COLORS = lambda: Image.fromarray(PIXELS)  # noqa: E731
GREY = lambda: Image.fromarray(IDS)  # noqa: E731
DATASETS = (
    Kind("image: PNG", picture_file("a.png", COLORS), pixels_of, verified=True),
    Kind("image: JPEG", picture_file("a.jpg", COLORS), pixels_of),
    Kind("image: TIFF", picture_file("a.tif", COLORS), pixels_of),
    Kind("image: TIFF, LZW", picture_file("a.tif", COLORS, compression="tiff_lzw"), pixels_of),
    Kind("image: BMP", picture_file("a.bmp", COLORS), pixels_of),
    Kind("image: WebP", picture_file("a.webp", COLORS, lossless=True), pixels_of),
    Kind("image: GIF", picture_file("a.gif", palette_picture), pixels_of),
    Kind("image: PPM", picture_file("a.ppm", COLORS), pixels_of),
    Kind("label: PNG", picture_file("a.png", GREY), ids_of, verified=True),
    Kind("label: PNG, palette", picture_file("a.png", palette_picture), ids_of, verified=True),
    Kind("label: PNG, colors", picture_file("a.png", COLORS), colors_of, verified=True),
    Kind("label: TIFF", picture_file("a.tif", GREY), ids_of),
    Kind("label: BMP", picture_file("a.bmp", GREY), ids_of),
    Kind("label: GIF", picture_file("a.gif", palette_picture), ids_of),
    Kind("label: PGM", picture_file("a.pgm", GREY), ids_of),
    Kind("LabelMe", write_shapes, draw_shapes, "json"),
    Kind("Label Studio", label_studio_tree.write, read_label_studio, "json"),
    Kind("COCO panoptic: JSON", panoptic("annotations/panoptic_val2017.json"),
         lambda path: read_panoptic(path.parent.parent), "json"),
    Kind("COCO panoptic: PNG", panoptic("annotations/panoptic_val2017/1.png"),
         lambda path: read_panoptic(path.parent.parent.parent), verified=True),
    Kind("COCO instances", write_instances, read_instances, "json"),
    Kind("CSV table", write_table, read_samples),
    Kind("CSV table of images", write_table, read_categories),
    Kind("VOC list", write_voc, lambda path: read_voc(path.parent.parent.parent)),
    Kind("CVAT list", write_cvat, lambda path: read_cvat(path.parent.parent.parent)),
    Kind("CVAT XML", write_cvat_xml, read_cvat_xml),
    Kind("CVAT label map", write_labelmap, lambda path: read_cvat(path.parent)),
    Kind("YOLO polygons", write_yolo("labels/train/train1.txt"),
         lambda path: read_yolo(path.parent.parent.parent)),
    Kind("YOLO data.yaml", write_yolo("data.yaml"), lambda path: read_yolo(path.parent), "yaml"),
    Kind("cached sample", write_cached, read_cached, verified=True),
    Kind("GeoTIFF", write_raster, read_raster),
    Kind("classes: names", classes(["road", "car"]), read_classes, "json"),
    Kind("classes: colors", classes({"road": [1, 2, 3], "car": [4, 5, 6]}), read_classes, "json"),
    Kind("classes: ids", classes({"0": "road", "7": "car"}), read_classes, "json"),
    Kind("classes: entries", classes([{"name": "a", "id": 3, "color": [1, 2, 3], "ignore": False},
         {"name": "b", "id": 4, "color": [1, 2, 4]}]), read_classes, "json"),
    Kind("classes.txt", text_file("classes.txt", "road\ncar\nsky\n"), read_classes),
    Kind("archive: tar", tar_file("a.tar", "w"), unpacked),
    Kind("archive: tar.gz", tar_file("a.tar.gz", "w:gz"), unpacked, verified=True),
    Kind("archive: zip", write_zip, contents_of_a_zip, verified=True),
)  # fmt: skip
