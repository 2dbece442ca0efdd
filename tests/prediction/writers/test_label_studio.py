"""Label Studio's tasks: read back by the dataset of its exports, once predictions are accepted."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest

from seg.data.datasets.label_studio import LabelStudio as LabelStudioDataset
from seg.errors import ConfigError
from seg.prediction.items import Item
from seg.prediction.writers.label_studio import LabelStudio
from tests.prediction.writers.read_back import NAMES, SPACE, drawn, saved
from tests.prediction.written_formats import settings


def accept(root):
    """Write the export of a project whose predictions were accepted as they are."""
    tasks = json.loads((root / "out/label_studio.json").read_text())
    exported = [
        {"id": at, "data": task["data"], "annotations": [{"id": at, **task["predictions"][0]}]}
        for at, task in enumerate(tasks, 1)
    ]
    (root / "export.json").write_text(json.dumps(exported))
    return [task["predictions"][0]["result"] for task in tasks]


@pytest.mark.parametrize("tolerance", [0, 2])
def test_no_pixel_differs_without_tolerance(tmp_path, tolerance):
    written = saved(LabelStudio, tmp_path, simplify_tolerance_px=tolerance, min_area_px=0)
    results = accept(tmp_path)
    assert {each["type"] for each in results[0]} == {"polygonlabels", "brushlabels"}
    read = drawn(LabelStudioDataset, tmp_path, classes=NAMES, unlabelled="ignored")
    for name, label_HW in written.items():
        if tolerance == 0:
            np.testing.assert_array_equal(read[name], label_HW)
        else:
            assert 0 < (read[name] != label_HW).mean() < 0.12


def test_the_configuration_names_every_label_in_its_color(tmp_path):
    saved(LabelStudio, tmp_path)
    view = ElementTree.parse(tmp_path / "out/label_studio.xml").getroot()
    results = json.loads((tmp_path / "out/label_studio.json").read_text())[0]["predictions"][0]
    image = view.find("Image")
    for tag in ("PolygonLabels", "BrushLabels"):
        control = view.find(tag)
        assert control.get("toName") == image.get("name")
        assert [label.get("value") for label in control] == list(NAMES)
        assert control[0].get("background") == "#{:02x}{:02x}{:02x}".format(*SPACE.palette[0])
    controls = {control.get("name"): control.tag.lower() for control in view if len(control)}
    for each in results["result"]:
        assert controls[each["from_name"]] == each["type"]
        assert each["to_name"] == image.get("name")
    assert image.get("value") == "$image"


def test_addresses_of_images(tmp_path):
    written = LabelStudio(settings(tmp_path))
    assert written._address(Item("deep/a b", "in/deep/a b.jpg")) == (
        "/data/local-files/?d=deep/a%20b.jpg"
    )
    assert written._address(Item("a", "s3://bucket/in/a.jpg")) == "s3://bucket/in/a.jpg"
    named = LabelStudio(settings(tmp_path, label_studio_images="https://host/x/"))
    assert named._address(Item("a", "in/a.jpg")) == "https://host/x/a.jpg"
    with pytest.raises(ConfigError, match="save frames as files first"):
        written.targets(Item("clip/000001", "in/clip.mp4", "frame", 1))


def test_small_regions_are_counted(tmp_path, caplog):
    with caplog.at_level("INFO"):
        saved(LabelStudio, tmp_path)
    assert "label_studio: " in caplog.text
    assert "regions below min_area_px=16 joined a neighbor" in caplog.text
