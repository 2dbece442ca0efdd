"""A place on the map is kept, or its loss is said at the start."""

import warnings

import numpy as np
import pytest
from PIL import Image

from seg.data.label_space import LabelSpace
from seg.data.readers import gdal
from seg.errors import ConfigError
from seg.prediction.georeference import report_lost_places
from seg.prediction.inputs import list_items
from seg.prediction.reader import ItemReader
from seg.prediction.writer import ItemRows, load_formats
from tests.prediction.conftest import format_settings, predict, street

rasterio = pytest.importorskip("rasterio")
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")

SIZE = (40, 60)
WORLD = "2.0\n0.0\n0.0\n-2.0\n690001.0\n5334999.0\n"  # the middle of the first pixel
PLACE = rasterio.Affine(2, 0, 690_000, 0, -2, 5_335_000)
CORNERS = [
    rasterio.control.GroundControlPoint(row, column, 11.0 + column / 99, 48.0 - row / 99)
    for row, column in ((0, 0), (0, 59), (39, 0), (39, 59))
]


def formats_in(directory, *names):
    labels = LabelSpace.identity(("land", "water"), ((9, 99, 9), (9, 9, 199)))
    return load_formats(format_settings(directory, labels, formats=list(names)))


def plant(path, **options):
    values = np.random.default_rng(0).integers(1, 255, (3, *SIZE), dtype=np.uint8)
    if options.get("driver") == "JP2OpenJPEG":
        options |= {"QUALITY": "100", "REVERSIBLE": "YES"}
    shape = {"count": 3, "height": SIZE[0], "width": SIZE[1], "dtype": "uint8"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, "w", **{"driver": "GTiff", **options}, **shape) as file:
            file.write(values)
    return path


def labelled(path, tmp_path):
    """The label map of a raster, opened again."""
    (item,) = list_items(str(path), output=tmp_path / "out")
    assert (item.kind, item.placed) == ("raster", True)
    raster = ItemReader().open(item)
    (labels,) = formats_in(tmp_path / "out", "labels")
    writer = labels.open(item, raster)
    writer.write(ItemRows(raster, slice(0, SIZE[0]), np.zeros(SIZE, np.uint8)))
    writer.close()
    return rasterio.open(tmp_path / f"out/{path.stem}.tif")


def test_control_points_are_kept(tmp_path):
    path = plant(tmp_path / "a.tif", gcps=CORNERS, crs="EPSG:4326")
    with labelled(path, tmp_path) as made, rasterio.open(path) as source:
        points, crs = made.gcps
        assert crs == source.gcps[1] == rasterio.CRS.from_epsg(4326)
        assert [point.asdict() | {"id": ""} for point in points] == [
            point.asdict() | {"id": ""} for point in source.gcps[0]
        ]
        assert len(points) == 4


def test_rational_polynomials_are_kept(tmp_path):
    numbers = {
        f"{part}_{kind}": 1.0 + place
        for place, part in enumerate(("line", "samp", "lat", "long", "height"))
        for kind in ("off", "scale")
    }
    series = {
        f"{part}_{kind}_coeff": [float(n) for n in range(20)]
        for part in ("line", "samp")
        for kind in ("num", "den")
    }
    rpcs = rasterio.rpc.RPC(**numbers, **series, err_bias=1.0, err_rand=2.0)
    path = plant(tmp_path / "a.tif", rpcs=rpcs)
    with labelled(path, tmp_path) as made:
        assert made.rpcs.to_dict() == rpcs.to_dict()


@pytest.mark.parametrize(
    ("image", "world"),
    [("a.tif", "a.tfw"), ("a.tif", "a.tifw"), ("a.tif", "a.wld"), ("a.tiff", "a.tfw"),
     ("a.TIF", "a.TFW"), ("a.jp2", "a.j2w"), ("a.jp2", "a.wld")],
)  # fmt: skip
def test_a_world_file_places_its_image(tmp_path, image, world):
    driver = "JP2OpenJPEG" if image.endswith("jp2") else "GTiff"
    path = plant(tmp_path / image, driver=driver)
    (tmp_path / world).write_text(WORLD)
    with labelled(path, tmp_path) as made:
        assert made.transform == PLACE


def test_a_side_file_of_gdal_places_its_image(tmp_path):
    path = plant(tmp_path / "a.tif")
    numbers = "690000, 2, 0, 5335000, 0, -2"
    beside = f"<PAMDataset><GeoTransform>{numbers}</GeoTransform></PAMDataset>"
    (tmp_path / "a.tif.aux.xml").write_text(beside)
    with labelled(path, tmp_path) as made:
        assert made.transform == PLACE


def test_jpeg2000_keeps_its_place(tmp_path):
    path = plant(tmp_path / "a.jp2", driver="JP2OpenJPEG", crs="EPSG:32632", transform=PLACE)
    with labelled(path, tmp_path) as made, rasterio.open(path) as source:
        assert (made.crs, made.transform) == (source.crs, PLACE)


def test_images_without_a_place_stay_images(tmp_path):
    plant(tmp_path / "a.tif")
    plant(tmp_path / "b.jp2", driver="JP2OpenJPEG")
    Image.fromarray(street(0)).save(tmp_path / "c.png")
    (tmp_path / "a.tif.aux.xml").write_text("<PAMDataset><Metadata/></PAMDataset>")
    (tmp_path / "b.wld").write_text("no numbers")
    items = list_items(str(tmp_path), output=tmp_path / "out")
    assert [(item.name, item.kind, item.placed) for item in items] == [
        ("a", "image", False), ("b", "image", False), ("c", "image", False),
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["tags", "points", "world file", "jpeg 2000"])
def test_without_the_extra_a_promised_place_is_an_error(tmp_path, monkeypatch, caplog, how):
    name = "a.jp2" if how == "jpeg 2000" else "a.tif"
    options = {
        "tags": {"crs": "EPSG:32632", "transform": PLACE},
        "points": {"gcps": CORNERS, "crs": "EPSG:4326"},
        "world file": {},
        "jpeg 2000": {"driver": "JP2OpenJPEG", "crs": "EPSG:32632", "transform": PLACE},
    }[how]
    plant(tmp_path / name, **options)
    if how == "world file":
        (tmp_path / "a.tfw").write_text(WORLD)
    monkeypatch.setattr(gdal, "find_spec", lambda name: None)
    items = list_items(str(tmp_path), output=tmp_path / "out")
    with pytest.raises(ConfigError, match=r"1 images lie on the map \(a\..*labels.*\n.*place=drop"):
        report_lost_places(items, formats_in(tmp_path / "out", "labels", "areas"))
    for formats, keep in ((["areas"], True), (["labels"], False)):
        caplog.clear()
        report_lost_places(items, formats_in(tmp_path / "out", *formats), keep=keep)
        assert f"their results will not: {name}" in caplog.text


def test_what_no_format_keeps_is_said(tmp_path, caplog):
    Image.fromarray(street(0)).save(tmp_path / "a.png")
    (tmp_path / "a.pgw").write_text(WORLD)
    pages = [Image.fromarray(street(number)) for number in (0, 1)]
    pages[0].save(tmp_path / "b.tif", save_all=True, append_images=pages[1:])
    (tmp_path / "b.tfw").write_text(WORLD)
    items = list_items(str(tmp_path), output=tmp_path / "out")
    report_lost_places(items, formats_in(tmp_path / "out", "labels"))
    assert "2 images lie on the map, and their results will not: a.png, b.tif" in caplog.text


def test_a_raster_that_is_not_upright(tmp_path):
    tags = Image.Exif()
    tags[0x0112] = 6
    Image.fromarray(street(0)).save(tmp_path / "a.tif", exif=tags)
    (tmp_path / "a.tfw").write_text(WORLD)
    (item,) = list_items(str(tmp_path / "a.tif"), output=tmp_path / "out")
    assert "orientation 6" in item.fault


def test_the_command_keeps_control_points(checkpoint, tmp_path):
    plant(tmp_path / "a.tif", gcps=CORNERS, crs="EPSG:4326")
    done = predict(checkpoint, tmp_path / "a.tif", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("a", "a_overlay"):
        with rasterio.open(tmp_path / f"out/{name}.tif") as made:
            assert len(made.gcps[0]) == 4
