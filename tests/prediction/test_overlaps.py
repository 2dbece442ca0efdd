"""Predictions of classes that overlap: one mask a class, and the formats that hold several."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from seg.data.code_masks import output_masks
from seg.data.label_space import LabelSpace
from seg.data.outputs import Outputs, region_outputs
from seg.errors import ConfigError
from seg.inference.image_source import ArrayRaster
from seg.prediction.items import Item
from seg.prediction.writer import ItemRows, load_formats
from tests.prediction.conftest import OF_PYCOCOTOOLS, format_settings

NAMES = ("bar", "disk/round", "far")
SPACE = LabelSpace(
    NAMES, ((255, 0, 0), (0, 0, 255), (0, 255, 0)), (), 255, Outputs.multi_label(NAMES)
)
ITEM = Item("deep/a", "in/deep/a.png")
HEIGHT, WIDTH = 40, 50


def masks():
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    bar_HW = (columns > 10) & (columns < 30)
    disk_HW = (rows - 20) ** 2 + (columns - 25) ** 2 < 144
    return np.stack([bar_HW, disk_HW, np.zeros_like(bar_HW)])


MASKS_KHW = masks()
CODES_HW = (MASKS_KHW * np.array([1, 2, 4])[:, None, None]).sum(0).astype(np.uint8)
CODES_HW[:3, :4] = 255  # no data


def written(directory, name, labels=SPACE, codes_HW=CODES_HW, masks_KHW=MASKS_KHW, **options):
    """Write one item in one format; the format and the part for the manifest."""
    (made,) = load_formats(format_settings(directory, labels, formats=[name], **options))
    raster = ArrayRaster(np.full((HEIGHT, WIDTH, 3), 100, np.uint8))
    writer = made.open(ITEM, raster)
    for top in range(0, HEIGHT, 7):
        rows = slice(top, min(top + 7, HEIGHT))
        share_KHW = np.full((len(masks_KHW), rows.stop - top, WIDTH), 0.5, np.float32)
        writer.write(
            ItemRows(raster, rows, codes_HW[rows], share_KHW, masks_KHW=masks_KHW[:, rows])
        )
    return made, writer.close()


def read(path):
    return np.array(Image.open(path)) > 0


def test_masks(tmp_path):
    made, _ = written(tmp_path, "masks")
    assert made.targets(ITEM) == ("deep/a/bar.png", "deep/a/disk_round.png", "deep/a/far.png")
    for target, mask_HW in zip(made.targets(ITEM), MASKS_KHW, strict=True):
        np.testing.assert_array_equal(read(tmp_path / target), mask_HW & (CODES_HW != 255))
    assert set(np.unique(Image.open(tmp_path / "deep/a/bar.png"))) == {0, 255}


def test_masks_of_regions_and_of_exclusive_classes(tmp_path):
    names = ("background", "edge", "core")
    space = LabelSpace.identity(names, ((0, 0, 0), (9, 0, 0), (0, 9, 0)))
    regions = replace(
        space, outputs=region_outputs(names, {"whole": ["edge", "core"], "core": ["core"]})
    )
    codes_HW = (np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 3).astype(np.uint8)
    nested = np.stack([codes_HW > 0, codes_HW == 2])
    written(tmp_path / "regions", "masks", regions, codes_HW, nested)
    np.testing.assert_array_equal(read(tmp_path / "regions/deep/a/whole.png"), codes_HW > 0)
    np.testing.assert_array_equal(read(tmp_path / "regions/deep/a/core.png"), codes_HW == 2)
    np.testing.assert_array_equal(output_masks(codes_HW, regions), nested)
    raster = ArrayRaster(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    (made,) = load_formats(format_settings(tmp_path / "exclusive", space, formats=["masks"]))
    writer = made.open(ITEM, raster)
    writer.write(ItemRows(raster, slice(0, HEIGHT), codes_HW))
    writer.close()
    np.testing.assert_array_equal(read(tmp_path / "exclusive/deep/a/edge.png"), codes_HW == 1)


def test_names_that_would_share_a_file(tmp_path):
    names = ("a/b", "a_b")
    space = LabelSpace(names, SPACE.palette[:2], (), 255, Outputs.multi_label(names))
    with pytest.raises(ConfigError, match="two would share one"):
        written(tmp_path, "masks", space)


@pytest.mark.parametrize("name", ["labels", "pascal_voc", "cityscapes"])
def test_one_class_a_pixel_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match=rf"formats={name}: classes overlap.*\n.*areas.*masks"):
        written(tmp_path, name)


def test_areas(tmp_path):
    made, part = written(tmp_path, "areas")
    made.merge([(ITEM, {"parts": {"areas": part}})])
    rows = [row.split(",") for row in (tmp_path / "areas.csv").read_text().split()[1:]]
    counted_HW = CODES_HW != 255
    assert [row[2] for row in rows] == list(NAMES)
    assert [int(row[3]) for row in rows] == [int((m & counted_HW).sum()) for m in MASKS_KHW]
    assert float(rows[0][4]) == pytest.approx(
        (MASKS_KHW[0] & counted_HW).sum() / counted_HW.sum(), abs=1e-6
    )


@OF_PYCOCOTOOLS
@pytest.mark.parametrize("segmentation", ["rle", "polygons"])
def test_coco(tmp_path, segmentation):
    masks_of_coco = pytest.importorskip("pycocotools.mask")
    if segmentation == "polygons":
        pytest.importorskip("shapely")
    exact = {"simplify_tolerance_px": 0, "min_area_px": 0}
    made, part = written(tmp_path, "coco", coco_segmentation=segmentation, **exact)
    made.merge([(ITEM, {"size": [WIDTH, HEIGHT], "parts": {"coco": part}})])
    content = json.loads((tmp_path / "annotations.json").read_text())
    assert [each["name"] for each in content["categories"]] == list(NAMES)
    drawn = np.zeros_like(MASKS_KHW)
    for each in content["annotations"]:
        runs = each["segmentation"]
        if isinstance(runs, list):
            runs = masks_of_coco.merge(masks_of_coco.frPyObjects(runs, HEIGHT, WIDTH))
        elif isinstance(runs["counts"], list):
            runs = masks_of_coco.frPyObjects(runs, HEIGHT, WIDTH)
        drawn[each["category_id"] - 1] |= masks_of_coco.decode(runs).astype(np.bool_)
    np.testing.assert_array_equal(drawn, MASKS_KHW & (CODES_HW != 255))


def test_shapes_of_overlapping_classes(tmp_path):
    pytest.importorskip("shapely")
    features = pytest.importorskip("rasterio.features")
    made, _ = written(tmp_path, "geojson", simplify_tolerance_px=0, min_area_px=0)
    content = json.loads((tmp_path / made.targets(ITEM)[0]).read_text())
    for name, mask_HW in zip(NAMES[:2], MASKS_KHW, strict=False):
        of_class = [each for each in content["features"] if each["properties"]["class"] == name]
        polygons = [each["geometry"] for each in of_class]
        drawn_HW = features.rasterize(polygons, out_shape=mask_HW.shape) > 0
        np.testing.assert_array_equal(drawn_HW, mask_HW & (CODES_HW != 255))


def test_overlays_show_the_image_where_there_is_no_class(tmp_path):
    made, _ = written(tmp_path, "overlay", overlay_opacity=0.5)
    image_HW3 = np.array(Image.open(tmp_path / made.targets(ITEM)[0]))
    assert (image_HW3[CODES_HW == 0] == 100).all()
    assert image_HW3[CODES_HW == 1][0].tolist() == [177, 50, 50]
    assert image_HW3[CODES_HW == 3][0].tolist() == [114, 50, 114]
