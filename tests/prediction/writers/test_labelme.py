"""LabelMe's files: read back by the dataset that draws as LabelMe."""

import json

import numpy as np
import pytest

from seg.data.datasets.labelme import LabelMe as LabelMeDataset
from seg.errors import ConfigError
from seg.prediction.items import Item
from seg.prediction.writers.labelme import LabelMe
from tests.prediction.traced_maps import blobs, trace
from tests.prediction.writers.read_back import NAMES, SPACE, drawn, saved
from tests.prediction.written_formats import settings

EXACT = {"simplify_tolerance_px": 0, "min_area_px": 0}


def test_without_tolerance_no_pixel_differs(tmp_path):
    written = saved(LabelMe, tmp_path, **EXACT)
    read = drawn(LabelMeDataset, tmp_path, classes=NAMES, unlabelled="ignored")
    for name, label_HW in written.items():
        np.testing.assert_array_equal(read[name], label_HW)
    content = json.loads((tmp_path / "out/deep/a.json").read_text())
    assert content["imagePath"] == "../../images/deep/a.png"
    assert {shape["shape_type"] for shape in content["shapes"]} == {"mask"}


def test_polygons_are_borders_and_masks_have_holes(tmp_path):
    saved(LabelMe, tmp_path)
    content = json.loads((tmp_path / "out/b.json").read_text())
    kinds = {shape["shape_type"] for shape in content["shapes"]}
    assert kinds == {"mask", "polygon"}
    for shape in content["shapes"]:
        assert (shape["mask"] is None) == (shape["shape_type"] == "polygon")
        assert shape["label"] in NAMES
    traced = trace(blobs(1), 2.0, 16).regions
    polygons = [shape["points"] for shape in content["shapes"] if shape["mask"] is None]
    assert polygons == [region.shell for region in traced if not region.has_holes]


def test_a_background_is_what_has_no_shape(tmp_path):
    names = ("background", *NAMES[1:])
    for folder, chosen in (("plain", None), ("named", list(names))):
        space = SPACE.identity(names, SPACE.palette)
        one = settings(tmp_path / folder, space, classes=chosen, **EXACT)
        saved(LabelMe, tmp_path, one)
        shapes = json.loads((tmp_path / folder / "b.json").read_text())["shapes"]
        assert ("background" in {shape["label"] for shape in shapes}) == (folder == "named")
        assert {shape["label"] for shape in shapes} >= set(names[1:])


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (Item("clip/000001", "in/clip.mp4", "frame", 1), "frames of a video are none"),
        (Item("a", "s3://bucket/a.png"), "addresses are none"),
    ],
)
def test_images_are_files(tmp_path, item, words):
    with pytest.raises(ConfigError, match=words):
        LabelMe(settings(tmp_path)).targets(item)
    with pytest.raises(ConfigError, match="is an address"):
        LabelMe(settings(tmp_path, output="s3://bucket/out"))
