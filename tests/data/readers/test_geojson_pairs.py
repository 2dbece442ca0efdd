"""GeoJSON files of images: beside them, in other directories, one for all."""

import json
import shutil

import pytest

from seg.data.datasets.geojson import GeoJson
from seg.errors import ConfigError, DataError
from tests.data.datasets.geojson_tree import (
    OTHER,
    collection,
    labels_of,
    plant,
    write_map,
    write_raster,
)

pytest.importorskip("rasterio", reason="extra rasters")


def test_images_and_files_that_lack_each_other_are_named(tmp_path):
    root = plant(tmp_path, {"a": OTHER, "b": OTHER, "c": None})
    (root / "d.geojson").write_text(json.dumps(OTHER))
    with pytest.raises(DataError, match=r"(?s)c\.png.*dataset\.unannotated=background"):
        GeoJson(split="train", root=root)
    (root / "d.geojson").unlink()
    assert labels_of(root, unannotated="background")["c"].max() == 0
    assert set(labels_of(root, unannotated="exclude")) == {"a", "b"}
    (root / "d.geojson").write_text(json.dumps(OTHER))
    with pytest.raises(DataError, match=r"(?s)1 labels have no image: .*d\.geojson"):
        GeoJson(split="train", root=root, unannotated="exclude")
    (root / "a.tif").write_bytes((root / "a.png").read_bytes())
    with pytest.raises(DataError, match=r"a\.geojson: is the file of 2 images: a\.png, a\.tif"):
        GeoJson(split="train", root=root)


def test_files_lie_in_other_directories_and_splits_too(tmp_path):
    images = {f"images/{split}/{name}": None for split in ("train", "val") for name in "ab"}
    root = plant(tmp_path, images)
    for split in ("train", "val"):
        (root / "labels" / split).mkdir(parents=True)
        for name in "ab":
            (root / "labels" / split / f"{name}.geojson").write_text(json.dumps(OTHER))
    for options in ({}, {"images": "images", "annotations": "labels"}):
        dataset = GeoJson(split="val", root=root, **options)
        assert [pair.name for pair in dataset.pairs] == ["images/val/a", "images/val/b"]
        assert dataset[0].label[0, :3].tolist() == [2, 1, 0]
    shutil.copytree(root / "labels", root / "others")
    with pytest.raises(DataError, match=r"others/train/a\.geojson may each be the file of"):
        GeoJson(split="val", root=root)
    assert len(GeoJson(split="val", root=root, annotations="labels", images="images")) == 2
    shutil.rmtree(root / "others")
    with pytest.raises(DataError, match="no split 'test'"):
        GeoJson(split="test", root=root)
    shutil.copytree(root / "images", root / "masks")
    with pytest.raises(DataError, match=r"(?s)is the file of 2 images: .*dataset\.images=DIR"):
        GeoJson(split="val", root=root)
    assert len(GeoJson(split="val", root=root, images="images")) == 2
    with pytest.raises(ConfigError, match="no such file or directory"):
        GeoJson(split="val", root=root, annotations="marks")


def test_a_raster_without_polygons_of_the_common_file_is_named(tmp_path):
    write_map(tmp_path)
    write_raster(tmp_path / "far.tif", origin=(380_000.0, 5_820_000.0))
    with pytest.raises(DataError, match=r"(?s)far\.tif.*dataset\.unannotated=background"):
        GeoJson(split="train", root=tmp_path)
    assert labels_of(tmp_path, unannotated="background")["far"].max() == 0
    assert set(labels_of(tmp_path, unannotated="exclude")) == {"a", "b"}


def test_one_file_of_pixels_is_of_one_image_alone(tmp_path):
    root = plant(tmp_path, {"a": None, "b": None})
    (root / "export.geojson").write_text(json.dumps(OTHER))
    with pytest.raises(DataError, match="its coordinates are pixels, and it is the only file"):
        GeoJson(split="train", root=root)


def test_of_other_formats_the_conversion_is_named(tmp_path):
    root = plant(tmp_path, {"a": None, "b": None})
    (root / "fields.gpkg").write_bytes(b"SQLite format 3")
    with pytest.raises(DataError, match=r"ogr2ogr -f GeoJSON -lco RFC7946=YES OUT\.geojson fields"):
        GeoJson(split="train", root=root)


def test_files_without_features_are_background(tmp_path):
    root = plant(tmp_path, {"a": OTHER, "b": [], "c": collection()})
    assert {name: label.max() for name, label in labels_of(root).items()} == {
        "a": 2,
        "b": 0,
        "c": 0,
    }


def test_of_several_common_files_one_is_named(tmp_path):
    write_map(tmp_path)
    (tmp_path / "older.geojson").write_text(json.dumps(collection()))
    with pytest.raises(DataError, match=r"none of 2 images has a GeoJSON file of its name"):
        GeoJson(split="train", root=tmp_path)
    assert labels_of(tmp_path, annotations="labels.geojson")["a"].max() == 2
