"""Images with GeoJSON files: rasters on the map, images with exports of QuPath."""

import json
import math

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.geojson import GeoJson

SIZE = (10, 6)


def ring(left, top, right, bottom):
    corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
    return [*corners, corners[0]]


def square(*box):
    return {"type": "Polygon", "coordinates": [ring(*box)]}


def feature(label, geometry, **properties):
    return {"type": "Feature", "properties": {"class": label, **properties}, "geometry": geometry}


def qupath(label, geometry, kind="annotation", **members):
    """An object as QuPath 0.5 exports it."""
    properties = {"objectType": kind}
    if label is not None:
        properties["classification"] = {"name": label, "color": [200, 0, 0]}
    return {"type": "Feature", "id": "3e5b9f8c-0000-4000-8000-000000000000", **members,
            "geometry": geometry, "properties": properties}  # fmt: skip


def collection(*features, **members):
    return {"type": "FeatureCollection", **members, "features": list(features)}


OTHER = collection(qupath("Tumor", square(0, 0, 1, 1)), qupath("Stroma", square(1, 0, 2, 1)))


def labels_of(root, **options):
    """The label of each image, whatever its split."""
    datasets = [GeoJson(split=split, root=root, **options) for split in ("train", "val")]
    return {sample.name: sample.label for dataset in datasets for sample in dataset}


def plant(root, contents, *, suffix="png"):
    """An image for each name, and its GeoJSON file unless that is None."""
    root.mkdir(parents=True, exist_ok=True)
    for number, (name, content) in enumerate(contents.items()):
        path = root / f"{name}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).integers(0, 256, (*SIZE[::-1], 3), np.uint8)
        Image.fromarray(noise).save(path)
        if content is not None:
            path.with_suffix(".geojson").write_text(json.dumps(content))
    return root


def write_raster(
    path, crs="EPSG:32633", *, origin=(391_000.0, 5_820_000.0), pixel=0.5, turn=0.0, gcps=None
):
    """A GeoTIFF of `SIZE` whose upper left corner lies at `origin`; returns its transform."""
    rasterio = pytest.importorskip("rasterio", reason="extra rasters")
    cosine, sine = pixel * math.cos(math.radians(turn)), pixel * math.sin(math.radians(turn))
    transform = rasterio.Affine(cosine, sine, origin[0], sine, -cosine, origin[1])
    width, height = SIZE
    path.parent.mkdir(parents=True, exist_ok=True)
    place = {"crs": crs, "transform": transform} if gcps is None else {"gcps": gcps, "crs": 4326}
    kind = {"driver": "GTiff", "width": width, "height": height, "count": 3, "dtype": "uint8"}
    with rasterio.open(path, "w", **kind, **place) as raster:
        seed = sum(path.name.encode())
        raster.write(np.random.default_rng(seed).integers(0, 256, (3, height, width), np.uint8))
    return transform


def on_map(geometry, transform, crs="EPSG:32633", to="EPSG:4326"):
    """A polygon in pixels as coordinates of a map."""
    from rasterio.warp import transform_geom

    a, b, c, d, e, f = transform[:6]
    rings = [
        [[a * x + b * y + c, d * x + e * y + f] for x, y in corners]
        for corners in geometry["coordinates"]
    ]
    moved = {"type": "Polygon", "coordinates": rings}
    return moved if crs == to else transform_geom(crs, to, moved)


def write_qupath(root):
    """Two images; returns a file of QuPath's."""
    shapes = [qupath("Tumor", square(1, 1, 5, 4)), qupath("Stroma", square(6, 0, 9, 3))]
    plant(root, {"a": collection(*shapes), "b": shapes})
    return root / "a.geojson"


def write_map(root):
    """Two rasters and one file for both, which is returned."""
    features = []
    for number, name in enumerate("ab"):
        origin = (391_000.0 + 100 * number, 5_820_000.0)
        transform = write_raster(root / f"{name}.tif", origin=origin)
        features += [
            feature("road", on_map(square(1, 1, 5, 4), transform)),
            feature("house", on_map(square(6, 0, 9, 3), transform)),
        ]
    (root / "labels.geojson").write_text(json.dumps(collection(*features)))
    return root / "labels.geojson"
