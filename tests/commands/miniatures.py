"""Small data sets in the layouts of the originals, for command lines that read files."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from seg.data.datasets.cityscapes import LABEL_IDS, OFFICIAL
from seg.data.datasets.pascal_voc import voc_palette

HEIGHT_PX, WIDTH_PX = 48, 64
_RNG = np.random.default_rng(0)


def write_image(path: Path) -> None:
    """RGB of 8 bits that compresses little."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(_RNG.integers(0, 256, (HEIGHT_PX, WIDTH_PX, 3), np.uint8)).save(path)


def write_label(path: Path, ids: tuple[int, ...], *, palette: bool = False) -> None:
    """All of these ids in bands from left to right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    row = np.array(ids, np.uint8)[np.arange(WIDTH_PX) * len(ids) // WIDTH_PX]
    label = Image.fromarray(np.tile(row, (HEIGHT_PX, 1)), "P" if palette else "L")
    if palette:
        label.putpalette([channel for color in voc_palette(256) for channel in color])
    label.save(path)


def write_own_images(root: Path) -> None:
    """`dataset=folder`: two splits of two classes."""
    for split in ("train", "val"):
        for number in range(4):
            write_image(root / f"images/{split}/{number}.png")
            write_label(root / f"labels/{split}/{number}.png", (0, 1))


def write_masked_images(root: Path) -> None:
    """`dataset=folder` by two patterns: photographs, and masks of one name in a directory."""
    for number in range(8):
        write_image(root / f"photographs/{number}.jpg")
        write_label(root / f"masks/{number}_mask.png", (0, 1))


def write_overlapping_masks(root: Path) -> None:
    """`dataset=folder` with one mask file a class."""
    for number in range(8):
        write_image(root / f"images/{number}.png")
        for name in ("car", "wheel"):
            write_label(root / f"masks/{name}/{number}.png", (0, 255))


def write_deep_images(root: Path) -> None:
    """The same with images of 12 bits in files of 16."""
    write_own_images(root)
    for path in (root / "images").rglob("*.png"):
        values = _RNG.integers(0, 4096, (HEIGHT_PX, WIDTH_PX), np.uint16)
        Image.fromarray(values).save(path)


def write_bands(path: Path, count: int) -> None:
    """A TIFF of so many bands of 12 bits, in files of 16."""
    import rasterio

    path.parent.mkdir(parents=True, exist_ok=True)
    values = _RNG.integers(0, 4096, (count, HEIGHT_PX, WIDTH_PX), np.uint16)
    options = {"driver": "GTiff", "dtype": "uint16", "crs": "EPSG:32632"}
    place = rasterio.Affine(10, 0, 690_000, 0, -10, 5_335_000)
    size = {"count": count, "height": HEIGHT_PX, "width": WIDTH_PX}
    with rasterio.open(path, "w", transform=place, **size, **options) as file:
        file.write(values)


def write_banded_images(root: Path) -> None:
    """`dataset=folder` with eight bands of 12 bits."""
    write_own_images(root)
    for path in sorted((root / "images").rglob("*.png")):
        path.unlink()
        write_bands(path.with_suffix(".tif"), 8)


def write_band_files(root: Path) -> None:
    """`dataset=folder` with a file a band."""
    for number in range(8):
        for band in ("B02", "B03", "B08"):
            write_bands(root / f"scenes/{'ab'[number % 2]}/{number}_{band}.tif", 1)
        write_label(root / f"masks/{number}.png", (0, 1))


def write_faulty_images(root: Path) -> None:
    """The same with a truncated image."""
    write_own_images(root)
    path = root / "images/train/0.png"
    path.write_bytes(path.read_bytes()[:-100])


def write_yolo(root: Path) -> None:
    """`dataset=yolo_seg`: two splits of a class and background."""
    for split in ("train", "val"):
        for number in range(4):
            write_image(root / f"{split}/images/{number}.png")
            path = root / f"{split}/labels/{number}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text("0 0 0 0.5 0 0.5 1 0 1\n")
    (root / "data.yaml").write_text("train: train/images\nval: val/images\nnames: [thing]\n")


def write_geojson(root: Path) -> None:
    """`dataset=geojson`: two splits of images with a polygon of QuPath's."""
    ring = [[0, 0], [40, 0], [40, 30], [0, 30], [0, 0]]
    thing = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"objectType": "annotation", "classification": {"name": "thing"}},
    }
    content = {"type": "FeatureCollection", "features": [thing]}
    for split in ("train", "val"):
        for number in range(4):
            write_image(root / f"{split}/{number}.png")
            (root / f"{split}/{number}.geojson").write_text(json.dumps(content))


def write_camvid(root: Path) -> None:
    """`dataset=camvid`."""
    for split in ("train", "val"):
        for number in range(8):  # a whole batch of the benchmark
            write_image(root / f"{split}/{number}.png")
            write_label(root / f"{split}annot/{number}.png", tuple(range(12)))


def write_coco_instances(root: Path) -> None:
    """`dataset=coco_instances`: two splits of two categories and background."""
    boxes = {1: (0, 0, 20, HEIGHT_PX), 2: (30, 10, WIDTH_PX, 40)}
    categories = [{"id": id_, "name": f"kind {id_}"} for id_ in boxes]
    for split in ("train", "val"):
        images = [
            {"id": id_, "file_name": f"{id_}.png", "width": WIDTH_PX, "height": HEIGHT_PX}
            for id_ in range(4)
        ]
        annotations = [
            {
                "image_id": image["id"],
                "category_id": id_,
                "segmentation": [[left, top, right, top, right, bottom, left, bottom]],
            }
            for image in images
            for id_, (left, top, right, bottom) in boxes.items()
        ]
        for image in images:
            write_image(root / f"{split}2017/{image['file_name']}")
        content = {"images": images, "annotations": annotations, "categories": categories}
        file = root / f"annotations/instances_{split}2017.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(content))


def write_cityscapes(root: Path) -> None:
    """`dataset=cityscapes`."""
    trained_ids = tuple(id_ for id_, _, train_id, _ in OFFICIAL if train_id is not None)
    assert LABEL_IDS.num_classes == len(trained_ids)
    for split, city in (("train", "ulm"), ("val", "bonn")):
        for number in range(4):
            stem = f"{city}_00000{number}_000019"
            write_image(root / f"leftImg8bit/{split}/{city}/{stem}_leftImg8bit.png")
            label = root / f"gtFine/{split}/{city}/{stem}_gtFine_labelIds.png"
            write_label(label, (*trained_ids, 0))


def pascal_voc_archive(directory: Path) -> bytes:
    """What the publisher's tar file holds, of two images."""
    root = directory / "VOCdevkit/VOC2012"
    lists = root / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    for split, name in (("train", "2007_000032"), ("val", "2007_000033")):
        write_image(root / f"JPEGImages/{name}.jpg")
        write_label(root / f"SegmentationClass/{name}.png", (0, 15, 255), palette=True)
        (lists / f"{split}.txt").write_text(f"{name}\n")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(root.parent, "VOCdevkit")
    return archive.getvalue()
