"""GeoJSON and GeoPackage: polygons in the place of their raster."""

import json

import numpy as np
import pytest

from seg.data.datasets.geojson import GeoJson as GeoJsonDataset
from seg.errors import DataError
from seg.prediction import geo_format
from seg.prediction.inputs import list_items
from seg.prediction.reader import ItemReader
from seg.prediction.writer import ItemRows
from seg.prediction.writers.geojson import GeoJson
from seg.prediction.writers.gpkg import LAYER, GeoPackage
from tests.prediction.conftest import write
from tests.prediction.traced_maps import IGNORED, blobs
from tests.prediction.writers.read_back import NAMES, SPACE
from tests.prediction.written_formats import A, settings

rasterio = pytest.importorskip("rasterio")
features = pytest.importorskip("rasterio.features")
shapely = pytest.importorskip("shapely")
# affine tells rasterio of an operator that it will give up
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")

EXACT = {"simplify_tolerance_px": 0, "min_area_px": 0}
NORTH_UP = rasterio.Affine(2, 0, 690_000, 0, -2, 5_335_000)
TURNED = rasterio.Affine.translation(500_000, 5e6) @ rasterio.Affine.rotation(30)
DEGREES = rasterio.Affine(1e-5, 0, 11.5, 0, -1e-5, 48.1)
FAR = type(SPACE)(NAMES, SPACE.palette, ((2, 0), (700, 1), (0, 2), (9, 3), (255, 255)))


def plant(path, transform=NORTH_UP, crs="EPSG:32632", shape=(90, 120), **place):
    options = {"driver": "GTiff", "count": 3, "dtype": "uint8", "crs": crs, **place}
    options |= {"transform": transform} if transform else {}
    with rasterio.open(path, "w", height=shape[0], width=shape[1], **options) as file:
        file.write(np.full((3, *shape), 90, np.uint8))
    return path


def saved(kind, path, label_HW, chosen, rows=7):
    """Write the label map of a raster in bands; the part for the manifest."""
    (item,) = list_items(str(path), output=chosen.output)
    assert item.kind == "raster"
    raster = ItemReader().open(item)
    writer = kind(chosen).open(item, raster)
    for top in range(0, len(label_HW), rows):
        band = slice(top, min(top + rows, len(label_HW)))
        writer.write(ItemRows(raster, band, label_HW[band]))
    return writer.close()


def read_geojson(path):
    content = json.loads(path.read_text())
    shapes = [shapely.geometry.shape(each["geometry"]) for each in content["features"]]
    return content, shapes, [each["properties"] for each in content["features"]]


def read_gpkg(path):
    pyogrio = pytest.importorskip("pyogrio")
    meta, _, shapes, columns = pyogrio.raw.read(path, layer=LAYER)
    rows = zip(*columns, strict=True)
    return (
        meta,
        shapely.from_wkb(shapes),
        [dict(zip(meta["fields"], row, strict=True)) for row in rows],
    )


def burnt(shapes, values, transform, shape=(90, 120)):
    """Burn in pixel coordinates, since edges lie on the centers of pixels of turned maps."""
    inverse = ~transform
    back = [
        shapely.transform(each, lambda xy: np.round(np.stack(inverse * xy.T, 1), 6))
        for each in shapes
    ]
    return features.rasterize(zip(back, values, strict=True), out_shape=shape, fill=IGNORED)


@pytest.mark.parametrize("transform", [NORTH_UP, TURNED])
@pytest.mark.parametrize(("kind", "read"), [(GeoJson, read_geojson), (GeoPackage, read_gpkg)])
def test_no_pixel_differs_without_tolerance(tmp_path, kind, read, transform):
    label_HW = blobs()
    part = saved(
        kind, plant(tmp_path / "x.tif", transform), label_HW, settings(tmp_path / "out", **EXACT)
    )
    assert part == {"small_regions": 0, "small_pixels": 0}
    meta, shapes, rows = read(tmp_path / f"out/x.{kind.name}")
    assert "32632" in str(meta["crs"])
    ids = [row["class_id"] for row in rows]
    np.testing.assert_array_equal(burnt(shapes, ids, transform), label_HW)
    assert {row["class"]: row["class_id"] for row in rows} == {
        name: at for at, name in enumerate(NAMES)
    }
    pixel = abs(transform.a * transform.e - transform.b * transform.d)
    for shape, row in zip(shapes, rows, strict=True):
        assert row["area"] == pytest.approx(shape.area)
        assert shape.exterior.is_ccw
    total = sum(row["area"] for row in rows)
    assert total == pytest.approx((label_HW != IGNORED).sum() * pixel)


def test_the_dataset_of_geojson_reads_it_back(tmp_path):
    for seed, name in enumerate(("one", "two")):
        saved(GeoJson, plant(tmp_path / f"{name}.tif"), blobs(seed), settings(tmp_path, **EXACT))
    read = {}
    for split in ("train", "val"):
        one = GeoJsonDataset(
            split=split, root=tmp_path, classes=NAMES, unlabelled="ignored", val_fraction=0.5
        )
        read |= {pair.name: one[at].label for at, pair in enumerate(one.pairs)}
    for seed, name in enumerate(("one", "two")):
        np.testing.assert_array_equal(read[name], blobs(seed))


def test_wgs84_needs_no_name_and_ids_are_those_of_the_data_set(tmp_path):
    path = plant(tmp_path / "x.tif", DEGREES, "EPSG:4326")
    saved(GeoJson, path, blobs(), settings(tmp_path / "out", FAR, **EXACT))
    content, shapes, rows = read_geojson(tmp_path / "out/x.geojson")
    assert "crs" not in content
    assert {row["class_id"] for row in rows} == {2, 700, 0, 9}
    left, bottom, right, top = shapely.total_bounds(shapes)
    assert 11.5 <= left < right <= 11.5 + 120e-5 + 1e-9
    assert 48.1 - 90e-5 - 1e-9 <= bottom < top <= 48.1


@pytest.mark.parametrize(("kind", "read"), [(GeoJson, read_geojson), (GeoPackage, read_gpkg)])
def test_images_without_a_place_have_pixels(tmp_path, kind, read):
    made, _ = write(kind, settings(tmp_path, **EXACT), A, blobs())
    meta, shapes, rows = read(tmp_path / f"deep/a.{kind.name}")
    assert meta.get("crs") is None
    ids = [row["class_id"] for row in rows]
    np.testing.assert_array_equal(
        features.rasterize(zip(shapes, ids, strict=True), out_shape=(90, 120), fill=IGNORED),
        blobs(),
    )
    first = made.path(made.targets(A)[0]).read_bytes()
    write(kind, settings(tmp_path, **EXACT), A, blobs())
    assert made.path(made.targets(A)[0]).read_bytes() == first


@pytest.mark.parametrize(("kind", "read"), [(GeoJson, read_geojson), (GeoPackage, read_gpkg)])
@pytest.mark.parametrize("rows", [7, 90])
def test_large_rasters_are_cut_into_blocks_of_rows(tmp_path, monkeypatch, kind, read, rows):
    monkeypatch.setattr(geo_format, "BLOCK_PIXELS", 120 * 20)
    label_HW, path = blobs(), plant(tmp_path / "x.tif")
    saved(kind, path, label_HW, settings(tmp_path / "exact", **EXACT), rows)
    _, shapes, props = read(tmp_path / f"exact/x.{kind.name}")
    ids = [row["class_id"] for row in props]
    np.testing.assert_array_equal(burnt(shapes, ids, NORTH_UP), label_HW)
    edges = {round(5_335_000 - 2 * 20 * block) for block in range(6)}
    for shape in shapes:
        _, bottom, _, top = shape.bounds
        assert not any(bottom < edge < top for edge in edges)
    saved(kind, path, label_HW, settings(tmp_path / "simple", min_area_px=0), rows)
    _, shapes, _ = read(tmp_path / f"simple/x.{kind.name}")
    whole = shapely.union_all(shapes)  # nothing lies between blocks
    assert whole.area == pytest.approx(shapely.area(shapes).sum())
    assert shapely.Polygon(whole.exterior).area == pytest.approx(120 * 90 * 4)


def test_places_that_give_polygons_none(tmp_path):
    point = rasterio.control.GroundControlPoint
    points = [point(0, 0, 1, 2), point(0, 9, 3, 2), point(9, 0, 1, 0)]
    by_points = plant(tmp_path / "points.tif", None, gcps=points)
    with pytest.raises(DataError, match="by control points or RPCs"):
        saved(GeoJson, by_points, blobs(), settings(tmp_path / "out"))
    local = rasterio.CRS.from_wkt('LOCAL_CS["site",UNIT["metre",1]]')
    own = plant(tmp_path / "own.tif", crs=local)
    with pytest.raises(DataError, match="take gpkg"):
        saved(GeoJson, own, blobs(), settings(tmp_path / "out"))
    saved(GeoPackage, own, blobs(), settings(tmp_path / "out"))
    assert len(read_gpkg(tmp_path / "out/own.gpkg")[1]) > 10


def test_without_any_class_the_file_is_empty(tmp_path):
    path = plant(tmp_path / "x.tif")
    for kind, read in ((GeoJson, read_geojson), (GeoPackage, read_gpkg)):
        saved(kind, path, np.full((90, 120), IGNORED, np.uint8), settings(tmp_path / "out"))
        assert len(read(tmp_path / f"out/x.{kind.name}")[2]) == 0
