"""Polygons of GeoJSON files on images: of QuPath in pixels, of maps in any reference system."""

import json

import numpy as np
import pytest

from seg.data.datasets.geojson import GeoJson
from seg.data.fingerprint import fingerprint
from seg.dataset_tools.verify import verify
from seg.errors import ConfigError, DataError
from tests.data.datasets.geojson_tree import (
    OTHER,
    SIZE,
    collection,
    feature,
    labels_of,
    on_map,
    plant,
    qupath,
    ring,
    square,
    write_map,
    write_qupath,
    write_raster,
)

pytest.importorskip("rasterio", reason="extra rasters")


def one(tmp_path, *features, **options):
    root = plant(tmp_path / "one", {"a": collection(*features), "b": OTHER})
    return labels_of(root, **options)["a"].tolist()


def test_pixels_whose_centres_lie_in_a_polygon_belong_to_it(tmp_path):
    holed = {"type": "Polygon", "coordinates": [ring(0.6, 0, 6, 5), ring(2, 1, 4.4, 3)]}
    parts = {"type": "MultiPolygon", "coordinates": [[ring(7, 0, 8, 1)], [ring(9, 4.51, 12, 9)]]}
    mixed = {"type": "GeometryCollection", "geometries": [square(7, 2, 9, 3), parts]}
    assert one(tmp_path, qupath("Stroma", holed), qupath("Tumor", mixed)) == [
        [0, 1, 1, 1, 1, 1, 0, 2, 0, 0],
        [0, 1, 0, 0, 1, 1, 0, 0, 0, 0],
        [0, 1, 0, 0, 1, 1, 0, 2, 2, 0],
        [0, 1, 1, 1, 1, 1, 0, 0, 0, 0],
        [0, 1, 1, 1, 1, 1, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
    ]


def test_the_later_polygon_lies_on_top_or_the_smaller(tmp_path):
    small, large = qupath("Tumor", square(1, 1, 3, 3)), qupath("Stroma", square(0, 0, 9, 5))
    assert np.array(one(tmp_path, small, large)).max() == 1
    assert one(tmp_path, small, large, overlap_order="area")[1][:4] == [1, 2, 2, 1]
    holed = {"type": "Polygon", "coordinates": [ring(0, 0, 9, 5), ring(1, 0.1, 8.9, 4.9)]}
    covered = (qupath("Tumor", holed), qupath("Stroma", square(0, 0, 4, 5)))
    assert one(tmp_path, *covered, overlap_order="area")[0][0] == 2  # its hole is no area


def test_qupath_names_classes_in_several_ways(tmp_path):
    old = qupath(None, square(0, 0, 1, 1), id="PathDetectionObject")
    old["properties"] = {"classification": {"name": "Stroma", "colorRGB": -3670016}}
    derived = qupath(None, square(1, 0, 2, 1))
    derived["properties"]["classification"] = {"names": ["Tumor", "Positive"]}
    root = plant(tmp_path, {"a": [old, derived], "b": OTHER})
    dataset = GeoJson(split="train", root=root)
    assert dataset.labels.names == ("background", "Stroma", "Tumor", "Tumor: Positive")
    assert labels_of(root)["a"][0, :3].tolist() == [1, 3, 0]


def test_objects_of_a_type_are_chosen(tmp_path):
    of_qubalab = qupath("Tumor", square(0, 0, 2, 1))
    of_qubalab["properties"] |= {"object_type": "DETECTION"}
    del of_qubalab["properties"]["objectType"]
    others = {"object_types": ["detection"], "unannotated": "background"}
    assert one(tmp_path, of_qubalab, **others, classes=["Tumor"])[0] == [1, 1] + [0] * 8
    cell = qupath("Stroma", square(0, 0, 9, 5), "cell", nucleusGeometry=square(1, 1, 2, 2))
    features = (qupath("Tumor", square(0, 0, 2, 1)), cell)
    assert np.array(one(tmp_path, *features)).max() == 1
    chosen = one(tmp_path, *features, object_types=["annotation"])
    assert chosen[0] == [2, 2] + [0] * 8
    assert one(tmp_path, *features, object_types=["cell"], unannotated="background")[0][0] == 1


def test_what_has_no_class_or_no_area_is_refused_or_left_out(tmp_path):
    line = {"type": "LineString", "coordinates": [[0, 0], [5, 5]]}
    points = {
        "type": "GeometryCollection",
        "geometries": [{"type": "Point", "coordinates": [1, 1]}],
    }
    tumor = qupath("Tumor", square(0, 0, 2, 1))
    bare = qupath(None, square(0, 0, 9, 5))
    with pytest.raises(DataError, match=r"1 of 2 polygons have no class: feature 1\n"):
        one(tmp_path, tumor, bare)
    assert one(tmp_path, tumor, bare, unclassified="exclude")[0] == [2, 2] + [0] * 8
    shapes = (tumor, qupath("Tumor", line), qupath("Tumor", points), qupath("Tumor", None))
    with pytest.raises(DataError, match="no area: 1 LineString, 1 Point, 1 no geometry"):
        one(tmp_path, *shapes)
    assert one(tmp_path, *shapes, undrawn="exclude")[0] == [2, 2] + [0] * 8


def test_maps_of_any_reference_system_are_burnt_as_rasterio_burns_them(tmp_path):
    from rasterio.features import rasterize
    from rasterio.warp import transform, transform_geom

    rng = np.random.default_rng(0)
    features, expected = [], {}
    for number, crs in enumerate(["EPSG:32633", "EPSG:3857", "EPSG:4326", "EPSG:3035"]):
        longitude = 13.4 + 0.02 * number
        (x,), (y,) = transform("EPSG:4326", crs, [longitude], [52.5])
        pixel = 0.5 if number != 2 else 0.5e-5
        place = write_raster(
            tmp_path / f"{number}.tif", crs, origin=(x, y), pixel=pixel, turn=9.0 * number
        )
        own = []
        for at in range(6):
            angles = np.sort(rng.uniform(0, 2 * np.pi, 8))
            radii = rng.uniform(1, 4, 8)
            corners = np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None]
            corners = (corners + rng.uniform(0, SIZE)).tolist()
            shape = {"type": "Polygon", "coordinates": [[*corners, corners[0]]]}
            own.append((on_map(shape, place, crs), at % 3 + 1))
        features += [feature("cba"[3 - id_], shape) for shape, id_ in own]
        shapes = [(transform_geom("EPSG:4326", crs, shape), id_) for shape, id_ in own]
        expected[str(number)] = rasterize(shapes, out_shape=SIZE[::-1], transform=place)
    (tmp_path / "all.geojson").write_text(json.dumps(collection(*features)))
    drawn = labels_of(tmp_path)
    for name, label in expected.items():
        assert len(np.unique(label)) > 2
        np.testing.assert_array_equal(drawn[name], label)


def test_the_property_of_the_class_is_found_or_named(tmp_path):
    def write(**properties):
        for name in "ab":
            transform = write_raster(tmp_path / f"{name}.tif")
            shape = on_map(square(1, 1, 5, 4), transform)
            one = {"type": "Feature", "properties": properties, "geometry": shape}
            (tmp_path / f"{name}.geojson").write_text(json.dumps(collection(one)))

    def names(**options):
        return GeoJson(split="train", root=tmp_path, **options).labels.names[1:]

    write(Category="road", fid=1, area=2.5)
    assert names() == ("road",)
    write(use="road", fid=7)
    with pytest.raises(ConfigError, match=r"there are: fid, use\n  name it: dataset\.class_prop"):
        names()
    assert names(class_property="use") == ("road",)
    assert names(class_property="fid") == ("7",)
    assert names(classes=["building"]) == ("building",)
    write(type=3.0)
    assert names() == ("3",)
    write(type=3.5)
    with pytest.raises(DataError, match=r"a feature's type is 3\.5"):
        names()
    write(a={"b": "road"}, c=1)
    assert names(class_property="a.b") == ("road",)
    with pytest.raises(ConfigError, match=r"class_property=d: no feature has it"):
        names(class_property="d")


def nested(levels):
    geometry = square(0, 0, 1, 1)
    for _ in range(levels):
        geometry = {"type": "GeometryCollection", "geometries": [geometry]}
    return geometry


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"type": "Feature"}', "not a FeatureCollection"),
        ('{"type": "FeatureCollection", "features": {}}', "not a FeatureCollection"),
        ('{"type": "FeatureCollection"}', "not a FeatureCollection"),
        (collection(qupath("a", nested(80))), "nested deeper than 64 levels"),
        ('{"type": "FeatureCollection", "features": [7]}', "feature 0: no Feature"),
        ('{"type": "FeatureCollection", "features": [', "line 1, byte"),
        (collection(qupath("a", {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]})),
         "feature 0: a ring needs 4 positions"),
        (collection(qupath("a", {"type": "Polygon", "coordinates": [ring(0, 0, 1, 1)[:-1]]})),
         "a ring needs 4 positions|not closed"),
        (collection(qupath("a", square(0, 0, float("nan"), 1))), "no finite numbers"),
        (collection(qupath("a", {"type": "Circle"})), "type of its geometry is 'Circle'"),
        (collection(qupath("a", square(20, 0, 25, 3))), r"lie beside the image of 10 x 6 px"),
        (collection(qupath("a", square(-3e8, 0, 3e8, 3))), "3e.08 px far"),
        (collection(qupath("a", {**square(0, 0, 2, 2), "plane": {"c": -1, "z": 2, "t": 0}})),
         "plane .* of a stack"),
        (collection(qupath("a", square(0, 0, 2, 2)), crs={"type": "link"}), "crs is"),
    ],
)  # fmt: skip
def test_damaged_files_are_named(tmp_path, content, message):
    root = plant(tmp_path, {"a": OTHER, "b": OTHER})
    text = content if isinstance(content, str) else json.dumps(content)
    (root / "a.geojson").write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        labels_of(root)
    assert "a.geojson" in str(caught.value)
    dataset = GeoJson.tolerant(split="train", root=root)  # the other file remains
    names = {pair.name for pair in dataset.pairs}
    names |= {pair.name for pair in GeoJson.tolerant(split="val", root=root).pairs}
    assert names == {"a", "b"}


def test_small_polygons_are_notes_of_verify_and_files_count(tmp_path):
    tiny = qupath("Tumor", square(3.1, 3.1, 3.2, 3.2))
    layers = [qupath("Tumor", square(0, 0, 1, side)) for side in (1, 2, 3)]  # the last covers them
    contents = {"a": collection(layers[0], tiny, *layers[1:]), "b": OTHER, "c": OTHER}
    root = plant(tmp_path, contents)
    splits = {split: GeoJson.tolerant(split=split, root=root) for split in ("train", "val")}
    report = verify(splits, {}, num_workers=0, near_duplicates=False)
    assert "1 shapes cover no pixel: feature 1" in next(note.message for note in report.notes)
    assert not report.faults
    before = fingerprint(splits["train"])
    for name in "abc":
        (root / f"{name}.geojson").write_text(json.dumps(collection(*OTHER["features"][::-1])))
    assert fingerprint(GeoJson(split="train", root=root)) != before
    with pytest.raises(DataError, match="has changed since it was opened"):
        splits["train"][0]


def test_a_turned_image_and_an_unknown_class_are_refused(tmp_path):
    from PIL import Image

    root = plant(tmp_path, {"a": OTHER, "b": OTHER}, suffix="jpg")
    with pytest.raises(DataError, match=r"no class: 'Tumor' \(1 pixels\)"):
        labels_of(root, classes=["Stroma"])
    for name in "ab":
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.open(root / f"{name}.jpg").save(root / f"{name}.jpg", exif=exif)
    with pytest.raises(DataError, match="EXIF orientation 6"):
        labels_of(root)


def test_both_kinds_of_trees_are_read(tmp_path):
    write_qupath(tmp_path / "q")
    write_map(tmp_path / "m")
    assert [label.max() for label in labels_of(tmp_path / "q").values()] == [2, 2]
    assert [label.max() for label in labels_of(tmp_path / "m").values()] == [2, 2]
