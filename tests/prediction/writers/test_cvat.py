"""CVAT's XML: read back by the dataset that draws as its server."""

from xml.etree import ElementTree

import numpy as np
import pytest

from seg.data.datasets.cvat_images import CvatImages
from seg.prediction.items import Item
from seg.prediction.writers.cvat import Cvat
from tests.prediction.conftest import write
from tests.prediction.traced_maps import blobs
from tests.prediction.writers.read_back import NAMES, SPACE, drawn, saved
from tests.prediction.written_formats import settings

pytest.importorskip("pycocotools")


@pytest.mark.parametrize("tolerance", [0, 2])
def test_no_pixel_differs_without_tolerance(tmp_path, tolerance):
    written = saved(Cvat, tmp_path, simplify_tolerance_px=tolerance, min_area_px=0)
    (tmp_path / "out/cvat.xml").rename(tmp_path / "annotations.xml")
    read = drawn(CvatImages, tmp_path)
    for name, label_HW in written.items():
        expected = np.where(label_HW == 255, 0, label_HW + 1)  # it counts its background first
        if tolerance == 0:
            np.testing.assert_array_equal(read[name], expected)
        else:
            assert 0 < (read[name] != expected).mean() < 0.12


def test_labels_and_shapes(tmp_path):
    saved(Cvat, tmp_path)
    root = ElementTree.parse(tmp_path / "out/cvat.xml").getroot()
    assert root.findtext("version") == "1.1"
    labels = root.findall("meta/task/labels/label")
    assert [label.findtext("name") for label in labels] == list(NAMES)
    assert labels[0].findtext("color") == "#{:02x}{:02x}{:02x}".format(*SPACE.palette[0])
    images = root.findall("image")
    assert [image.get("name") for image in images] == ["deep/a.png", "b.png"]
    assert {(image.get("width"), image.get("height")) for image in images} == {("120", "90")}
    for image in images:
        assert {shape.tag for shape in image} == {"polygon", "mask"}
        assert {shape.get("label") for shape in image} == set(NAMES)


def test_names_are_escaped(tmp_path):
    item, names = Item('a<b & "c"', "in/a.jpg"), ("<road>", "sky & sea", '"car"', "tree")
    chosen = settings(tmp_path, SPACE.identity(names, SPACE.palette))
    made, _ = write(Cvat, chosen, item, blobs())
    made.merge([(item, {"size": [120, 90]})])
    root = ElementTree.parse(tmp_path / "cvat.xml").getroot()
    assert root.find("image").get("name") == 'a<b & "c".jpg'
    assert {shape.get("label") for shape in root.find("image")} == set(names)
