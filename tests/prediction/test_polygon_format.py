"""What formats of polygons refuse, before anything is predicted where that is possible."""

from xml.etree import ElementTree

import numpy as np
import pytest

from seg.data.label_space import LabelSpace
from seg.errors import ConfigError, DataError
from seg.prediction import polygon_format, polygons
from seg.prediction.items import Item
from seg.prediction.writers.coco import Coco
from seg.prediction.writers.cvat import Cvat
from seg.prediction.writers.geojson import GeoJson
from seg.prediction.writers.gpkg import GeoPackage
from seg.prediction.writers.label_studio import LabelStudio
from seg.prediction.writers.labelme import LabelMe
from tests.prediction.conftest import write
from tests.prediction.written_formats import SPACE, A, settings

POLYGONS = {"coco_segmentation": "polygons"}


@pytest.mark.parametrize("kind", [Coco, Cvat, GeoJson, LabelMe, LabelStudio])
def test_a_missing_library_is_named(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(polygons, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"needs the extra `polygons`: pip install"):
        kind(settings(tmp_path, **POLYGONS))
    Coco(settings(tmp_path))  # run lengths need none


@pytest.mark.parametrize("kind", [Coco, Cvat, LabelMe, LabelStudio])
def test_images_that_are_too_large_to_be_simplified_as_a_whole(tmp_path, monkeypatch, kind):
    pytest.importorskip("shapely")
    monkeypatch.setattr(polygon_format, "MAX_PIXELS", 99)
    with pytest.raises(DataError, match=r"in/deep/a\.jpg: 10 x 10 pixels are too many") as caught:
        write(kind, settings(tmp_path, **POLYGONS), A, np.zeros((10, 10), np.uint8))
    assert caught.value.fault == "too_large"


def test_names_that_xml_cannot_hold(tmp_path):
    pytest.importorskip("shapely")
    named = SPACE.identity(("road", "sky\x01", "car", "tree"), SPACE.palette)
    for kind in (Cvat, LabelStudio):
        with pytest.raises(ConfigError, match=r"class 'sky\\x01': has characters that XML cannot"):
            kind(settings(tmp_path, named))
    bytes_of_no_text = Item("a\udcff", "in/a\udcff.png")
    with pytest.raises(ConfigError, match=r"image 'a\\udcff.png': has characters"):
        Cvat(settings(tmp_path)).targets(bytes_of_no_text)
    pytest.importorskip("pyogrio")
    with pytest.raises(ConfigError, match=r"'in/a\\udcff.png': its name is no UTF-8"):
        GeoPackage(settings(tmp_path)).targets(bytes_of_no_text)
    made, _ = write(LabelStudio, settings(tmp_path), bytes_of_no_text, np.zeros((9, 9), np.uint8))
    made.merge([(bytes_of_no_text, {"size": [9, 9]})])
    assert '"image":"/data/local-files/?d=a%FF.png"' in (tmp_path / "label_studio.json").read_text()


def test_unknown_classes_are_named(tmp_path):
    pytest.importorskip("shapely")
    with pytest.raises(ConfigError, match=r"no class 'cat'; allowed: road, sky, car, tree"):
        LabelMe(settings(tmp_path, classes=["cat"]))


def test_more_classes_than_a_byte_holds(tmp_path):
    """Regions of 300 classes; the last value is that of no class."""
    pytest.importorskip("shapely")
    names, colors = tuple(f"c{at}" for at in range(300)), ((1, 2, 3),) * 300
    space = LabelSpace.identity(names, colors, ignore_index=65535)
    label_HW = np.arange(300, dtype=np.uint16).repeat(16).reshape(60, 80)
    label_HW[:, 70:] = 65535
    speck_HW = label_HW.copy()
    speck_HW[30, 5] = 299  # leaves 15 pixels of the class around it; above are 16 of another
    traced = polygons.trace_regions(speck_HW, num_classes=300, tolerance_px=0, min_area_px=2)
    assert traced.num_small == 1
    drawn_HW = np.full_like(label_HW, 65535)
    for region in traced.regions:
        drawn_HW[region.image_mask((80, 60))] = region.class_index
    speck_HW[30, 5] = label_HW[29, 5]
    np.testing.assert_array_equal(drawn_HW, speck_HW)
    made, _ = write(Cvat, settings(tmp_path, space, min_area_px=0), A, label_HW)
    made.merge([(A, {"size": [80, 60]})])
    shapes = ElementTree.parse(tmp_path / "cvat.xml").getroot().find("image")
    occurring = {names[value] for value in np.unique(label_HW) if value < 300}
    assert {shape.get("label") for shape in shapes} == occurring
    assert "c299" in occurring
