"""CVAT's "CVAT for images 1.1" on small files."""

import pytest
from PIL import Image

from seg.data.datasets.cvat_images import CvatImages
from seg.errors import DataError

pytest.importorskip("pycocotools", reason="polygons are drawn by the extra coco")

LABELS = """<label><name>car</name><color>#00008e</color><type>any</type></label>
<label><name>road</name><color>#804080</color><type>any</type></label>"""
BOX = '<box label="{}" occluded="0" xtl="{}" ytl="0.00" xbr="{}" ybr="2.00" {}></box>'


def plant(root, shapes, names=("a.png",), before="", subsets=()):
    """Images of 4 x 2 pixels, all with the same shapes."""
    images = []
    for at, name in enumerate(names):
        subset = f'subset="{subsets[at]}"' if subsets else ""
        images.append(f'<image id="{at}" name="{name}" {subset} width="4" height="2">')
        images.append(f"{shapes}</image>")
        path = root / "images" / (subsets[at] if subsets else "") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 2)).save(path)
    meta = f"<version>1.1</version><meta><task><labels>{LABELS}</labels></task></meta>"
    text = f'<?xml version="1.0" encoding="utf-8"?>{before}\n<annotations>{meta}\n'
    (root / "annotations.xml").write_text(text + "\n".join(images) + "</annotations>")
    return root


def drawn(root, shapes, **options):
    plant(root, shapes, ("a.png", "b.png"))
    dataset = CvatImages(split="train", root=root, **options)
    return dataset.labels.names, dataset[0].label.tolist()


def test_labels_have_the_order_and_colors_of_the_file(tmp_path):
    plant(tmp_path, BOX.format("road", 0, 1, ""), ("a.png", "clip/b.png"), subsets=("Train", "Val"))
    train, val = (CvatImages(split=split, root=tmp_path) for split in ("train", "val"))
    assert train.labels.names == ("background", "car", "road")
    assert train.labels.palette == ((0, 0, 0), (0, 0, 142), (128, 64, 128))
    assert [sample.name for sample in (*train, *val)] == ["Train/a", "Val/clip/b"]
    assert val[0].label.tolist() == [[2, 0, 0, 0]] * 2


def test_shapes_cover_each_other_as_in_cvats_masks(tmp_path):
    """By z_order, then groups, then rotated boxes; a group has the label of its largest shape."""
    below, above = BOX.format("car", 0, 2, 'z_order="1"'), BOX.format("road", 0, 4, 'z_order="0"')
    assert drawn(tmp_path, below + above)[1] == [[1, 1, 2, 2]] * 2
    turned = BOX.format("car", 1, 3, 'rotation="180.00"')
    assert drawn(tmp_path, turned + BOX.format("road", 0, 4, ""))[1] == [[2, 1, 1, 2]] * 2
    grouped = BOX.format("car", 0, 1, 'group_id="3"') + BOX.format("road", 2, 4, 'group_id="3"')
    assert drawn(tmp_path, grouped)[1] == [[2, 0, 2, 2]] * 2
    assert drawn(tmp_path, grouped, merge_groups=False)[1] == [[1, 0, 2, 2]] * 2


def test_masks_ellipses_and_polygons(tmp_path):
    mask = '<mask label="car" rle="1, 2, 1" left="2" top="0" width="2" height="2"></mask>'
    assert drawn(tmp_path, mask)[1] == [[0, 0, 0, 1], [0, 0, 1, 0]]
    ellipse = '<ellipse label="road" cx="1.50" cy="0.00" rx="1.00" ry="0.50"></ellipse>'
    assert drawn(tmp_path, ellipse)[1] == [[0, 2, 2, 2], [0, 0, 0, 0]]  # halves to even
    polygon = '<polygon label="car" points="1.00,0.00;3.00,0.00;3.00,2.00;1.00,2.00"></polygon>'
    assert drawn(tmp_path, polygon)[1] == [[0, 1, 1, 0]] * 2
    outside = polygon.replace("<polygon", '<polygon outside="1"')
    assert drawn(tmp_path, outside, unannotated="background")[1] == [[0, 0, 0, 0]] * 2


def test_corners_are_rounded_as_cvats_server_or_as_datumaro_does(tmp_path):
    """0.7 of single precision lies below the fifth of a pixel that 0.7 of double precision is."""
    points = "0.70,0.00;3.70,0.00;3.70,2.00;0.70,2.00"
    polygon = f'<polygon label="car" points="{points}"></polygon>'
    assert drawn(tmp_path, polygon)[1] == [[0, 1, 1, 1]] * 2
    datumaro = drawn(tmp_path, polygon, precision="single")[1]
    assert datumaro == [[0, 1, 1, 1]] * 2


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ('<polyline label="car" points="0,0;1,1"></polyline>', "no mask: 1 polyline"),
        (BOX.format("bus", 0, 2, ""), r"labels that are no class: 'bus' \(4 pixels\)"),
        (BOX.format("car", "x", 2, ""), r"line [57]: box \('car'\): xtl holds 'x'"),
        (BOX.format("car", 0, 1e9, ""), "far outside the image of 4 x 2"),
        ('<polygon label="car" points="0,0;1,1"></polygon>', "three points or more"),
        ('<mask label="car" rle="1" left="3" top="0" width="2" height="1"/>', "not within"),
        ('<mask label="car" rle="1" left="0" top="0" width="2" height="1"/>', "has 1 pixels"),
        ('<ellipse label="car" cx="1" cy="1" rx="-1" ry="1"/>', "below 0 is no radius"),
    ],
)
def test_a_shape_that_is_not_drawn_is_an_error_with_its_line(tmp_path, shape, message):
    with pytest.raises(DataError, match=message):
        drawn(tmp_path, shape)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shapes": "<blob/>"}, "<blob> is no known shape"),
        ({"shapes": "<box"}, "no valid XML in UTF-8"),
        ({"before": "<!DOCTYPE a>", "shapes": ""}, "line 1: a document type or an entity"),
        ({"shapes": "", "names": ("../a.png",)}, "a path within the directory"),
        ({"shapes": "", "names": ("a.png", "a.png")}, "listed twice"),
        ({"shapes": "</image><track/><image>"}, "CVAT for video"),
    ],
)
def test_what_is_wrong_with_a_file_is_an_error(tmp_path, options, message):
    plant(tmp_path, **options)
    with pytest.raises(DataError, match=message):
        CvatImages(split="train", root=tmp_path)


def test_what_is_not_drawn_may_be_left_out(tmp_path):
    line = '<polyline label="car" points="0,0;1,1"></polyline>'
    shapes = line + BOX.format("car", 0, 1, "")
    assert drawn(tmp_path, shapes, undrawn="exclude")[1] == [[1, 0, 0, 0]] * 2
    with pytest.raises(DataError, match="2 images have no label"):
        drawn(tmp_path, line, undrawn="exclude")
    assert drawn(tmp_path, "", unannotated="background")[1] == [[0, 0, 0, 0]] * 2
