"""Label files whose bands or pages are the masks of classes that may overlap."""

import json

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.folder import Folder
from seg.errors import DataError
from tests.data.overlapping_masks import save

MASKS = np.array(
    [[[1, 1, 0, 0]] * 3, [[0, 255, 255, 0]] * 3, [[0, 0, 0, 0]] * 3, [[0, 0, 7, 7]] * 3], np.uint8
)
CODES = [[1, 3, 10, 8]] * 3


def as_pages(path, masks):
    first, *others = (Image.fromarray(mask) for mask in masks)
    first.save(path, save_all=True, append_images=others)


def as_bands(path, masks):
    rasterio = pytest.importorskip("rasterio", reason="needs the extra geo")
    count, height, width = masks.shape
    facts = {"count": count, "height": height, "width": width, "dtype": masks.dtype.name}
    with rasterio.open(path, "w", driver="GTiff", **facts) as file:
        file.write(masks)


def as_png(path, masks):
    Image.fromarray(np.ascontiguousarray(np.moveaxis(masks, 0, -1))).save(path)


def write(root, masks, writer, suffix):
    for name in "ab":
        save(root / "images" / f"{name}.png", np.zeros((3, 4, 3), np.uint8))
        (root / "labels").mkdir(exist_ok=True)
        writer(root / "labels" / f"{name}{suffix}", masks)
    return root


def folder(root):
    return Folder(split="train", root=root, label_kind="bands", val_fraction=0.5)


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
@pytest.mark.parametrize(
    ("writer", "suffix"), [(as_pages, ".tif"), (as_bands, ".tif"), (as_png, ".png")]
)
def test_bands_and_pages_become_codes(tmp_path, writer, suffix):
    dataset = folder(write(tmp_path, MASKS, writer, suffix))
    assert dataset.labels.mode == "multi_label"
    assert dataset.labels.names == ("class_0", "class_1", "class_2", "class_3")
    assert dataset[0].label.tolist() == CODES


def test_a_class_file_names_the_bands_and_ignored_ones(tmp_path):
    write(tmp_path, MASKS, as_pages, ".tif")
    entries = [{"name": "a"}, {"name": "void", "ignore": True}, {"name": "c"}, {"name": "d"}]
    (tmp_path / "classes.json").write_text(json.dumps(entries))
    dataset = folder(tmp_path)
    assert dataset.labels.names == ("a", "c", "d")
    assert dataset[0].label.tolist() == [[1, 255, 255, 4]] * 3
    (tmp_path / "classes.json").write_text(json.dumps(["a", "b"]))
    with pytest.raises(DataError, match=r"4 bands or pages for 2 classes \(a, b\)"):
        folder(tmp_path)[0]


def test_bands_that_are_no_masks_are_refused(tmp_path):
    grey = MASKS.copy()
    grey[2, 0, :3] = [1, 2, 3]
    dataset = folder(write(tmp_path, grey, as_pages, ".tif"))
    with pytest.raises(DataError, match=r"band 3: a mask holds 4 values"):
        dataset[0]
    for name in "ab":
        (tmp_path / "labels" / f"{name}.tif").write_bytes(b"II*\0\x08")
    with pytest.raises(DataError, match="damaged"):
        folder(tmp_path)


def test_images_without_a_file_are_background(tmp_path):
    write(tmp_path, MASKS, as_pages, ".tif")
    save(tmp_path / "images" / "c.png", np.zeros((5, 2, 3), np.uint8))
    options = {"root": tmp_path, "label_kind": "bands", "unannotated": "background"}
    samples = [
        sample
        for split in ("train", "val")
        for sample in Folder(split=split, val_fraction=0.4, **options)
    ]
    labels = {sample.name: sample.label.tolist() for sample in samples}
    assert labels == {"a": CODES, "b": CODES, "c": [[0, 0]] * 5}
