"""What the coordinates of GeoJSON files mean, and where the pixels of rasters lie."""

import json

import pytest

from seg.errors import ConfigError, DataError
from tests.data.datasets.geojson_tree import (
    collection,
    feature,
    labels_of,
    on_map,
    plant,
    square,
    write_raster,
)

pytest.importorskip("rasterio", reason="extra rasters")


@pytest.mark.parametrize(
    "crs",
    [
        {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}},
        {"type": "name", "properties": {"name": "EPSG:32633"}},
        {"type": "EPSG", "properties": {"code": 32633}},
    ],
)
def test_a_file_may_name_its_reference_system(tmp_path, crs):
    for name in "ab":
        transform = write_raster(tmp_path / f"{name}.tif")
        shape = on_map(square(1, 1, 5, 4), transform, to="EPSG:32633")
        content = collection(feature("road", shape), crs=crs)
        (tmp_path / f"{name}.geojson").write_text(json.dumps(content))
    assert labels_of(tmp_path)["a"].sum() == 12
    content = collection(feature("road", shape))
    (tmp_path / "b.geojson").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"no degrees of long(?s:.*)dataset\.crs=EPSG:<number>"):
        labels_of(tmp_path)
    assert labels_of(tmp_path, crs="EPSG:32633")["b"].sum() == 12


def test_rasters_without_a_place_or_a_system_are_named(tmp_path):
    import rasterio

    for name in "ab":
        transform = write_raster(tmp_path / f"{name}.tif", crs=None)
        shape = on_map(square(1, 1, 5, 4), transform, to="EPSG:32633")
        content = json.dumps(collection(feature("road", shape)))
        (tmp_path / f"{name}.geojson").write_text(content)
    assert labels_of(tmp_path, crs="raster")["a"].sum() == 12
    with pytest.raises(DataError, match=r"names no reference system(?s:.*)dataset\.crs=raster"):
        labels_of(tmp_path, crs="EPSG:32633")
    points = [rasterio.control.GroundControlPoint(0, 0, 1.0, 2.0),
              rasterio.control.GroundControlPoint(1, 1, 2.0, 1.0),
              rasterio.control.GroundControlPoint(0, 5, 6.0, 2.0)]  # fmt: skip
    for name in "ab":
        write_raster(tmp_path / f"{name}.tif", crs=None, gcps=points)
    with pytest.raises(DataError, match="has control points and no transform"):
        labels_of(tmp_path, crs="EPSG:32633")
    with pytest.raises(ConfigError, match=r"dataset\.crs: no such system: EPSG:999"):
        labels_of(tmp_path, crs="EPSG:999")
    with pytest.raises(ConfigError, match=r"dataset\.crs=UTM: allowed: EPSG:<number>, raster"):
        labels_of(tmp_path, crs="UTM")


def test_what_coordinates_mean_is_asked_where_nothing_says_it(tmp_path):
    root = plant(tmp_path, {name: collection(feature("road", square(1, 1, 5, 4))) for name in "ab"})
    with pytest.raises(DataError, match=r"nothing says whether its coordinates are pixels"):
        labels_of(root)
    assert labels_of(root, coordinates="pixels")["a"].sum() == 12
    with pytest.raises(DataError, match=r"[ab]\.png: has no place on the map"):
        labels_of(root, coordinates="map")


def test_edges_through_centres_count_once_though_rows_of_maps_run_up(tmp_path):
    transform = write_raster(tmp_path / "a.tif", pixel=1.0)
    write_raster(tmp_path / "b.tif", pixel=1.0)
    halves = [
        feature(label, on_map(square(left, 0.5, left + 4, 4.5), transform, to="EPSG:32633"))
        for label, left in (("left", 0.5), ("right", 4.5))
    ]
    (tmp_path / "all.geojson").write_text(json.dumps(collection(*halves)))
    label = labels_of(tmp_path, crs="raster")["a"]
    assert [(label == id_).sum() for id_ in (1, 2)] == [16, 16]
