"""Files that other tools and people write: labels, images, tables and archives."""

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
from seg.data.datasets.csv import Csv
from seg.data.label_space import LabelSpace
from seg.data.readers.class_table import read_classes
from seg.data.readers.image_label_pairs import Pair, PairDataset
from seg.data.readers.readers import read_colors, read_image, read_indices, read_label
from seg.data.wrappers.cached import CachedDataset
from seg.dataset_tools.archives import Limits, unpack
from seg.prediction.items import Item
from seg.prediction.reader import ItemReader
from tests.fuzz.annotations import ANNOTATIONS, IDS, PIXELS
from tests.fuzz.kind import Kind

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
    *ANNOTATIONS,
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
    Kind("CSV table", write_table, read_samples),
    Kind("CSV table of images", write_table, read_categories),
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
