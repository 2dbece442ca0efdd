"""CVAT's "Segmentation mask 1.1" on a small tree."""

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.cvat_mask import CvatMask
from seg.errors import DataError
from tests.data.datasets.cvat_tree import LABEL, LABELMAP, plant


def test_colors_are_the_lines_of_the_label_map(tmp_path):
    plant(tmp_path, {"Train": ["a", "clip/b"], "Validation": ["c"]})
    train, val = (CvatMask(split=split, root=tmp_path) for split in ("train", "val"))
    assert train.labels.names == ("background", "car", "road: wet")
    assert train.labels.palette == ((0, 0, 0), (0, 0, 142), (128, 64, 128))
    assert [sample.name for sample in (*train, *val)] == ["a", "clip/b", "c"]
    assert train[1].label.tolist() == [[0, 2, 1]]


def test_palette_images_hold_the_same_colors(tmp_path):
    plant(tmp_path, {"train": ["a"]})
    indices = Image.fromarray(np.array([[7, 0, 3]], np.uint8), "P")
    palette = np.zeros((8, 3), np.uint8)
    palette[[7, 0, 3]] = LABEL[0]
    indices.putpalette(palette.ravel().tolist())
    indices.save(tmp_path / "SegmentationClass/a.png")
    assert CvatMask(split="train", root=tmp_path)[0].label.tolist() == [[0, 2, 1]]


def test_one_list_is_split_by_name(tmp_path):
    plant(tmp_path, {"default": [f"f{number}" for number in range(10)]})
    train, val = (
        CvatMask(split=split, root=tmp_path, val_fraction=0.2) for split in ("train", "val")
    )
    assert (len(train), len(val)) == (8, 2)
    assert len({pair.name for pair in (*train.pairs, *val.pairs)}) == 10


def test_an_unknown_color_is_told(tmp_path):
    plant(tmp_path, {"train": ["a"]}, LABELMAP.replace("0,0,142", "0,0,143"))
    with pytest.raises(DataError, match="#00008e") as caught:
        CvatMask(split="train", root=tmp_path)[0]
    assert caught.value.fault == "unknown_colors"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("bus:1,2::", r"line 5: 'bus:1,2::' is not name:red,green,blue:parts:actions"),
        ("bus:1,2,256::", "line 5"),
        ("bus:1,2,-3::", "line 5"),
        ("bus:1,2,\u0663::", "line 5"),
        (f"bus:1,2,{'9' * 5000}::", "line 5"),
        ("bus", "line 5"),
        (":1,2,3::", "line 5"),
        ("car:1,2,3::", "name 'car' occurs twice"),
        ("bus:0,0,142::", "'car' and 'bus' have one color"),
    ],
)
def test_mistakes_in_the_label_map_are_told(tmp_path, line, told):
    plant(tmp_path, {"train": ["a"]}, LABELMAP + line)
    with pytest.raises(DataError, match=told):
        CvatMask(split="train", root=tmp_path)


def test_what_is_missing_is_told(tmp_path):
    plant(tmp_path, {"train": ["a", "b"]})
    with pytest.raises(DataError, match="no split 'val'; found: train"):
        CvatMask(split="val", root=tmp_path)
    (tmp_path / "SegmentationClass/b.png").unlink()
    with pytest.raises(DataError, match=r"1 images have no label: .*b\.jpg"):
        CvatMask(split="train", root=tmp_path)
    (tmp_path / "ImageSets/Segmentation/train.txt").write_text("a\n\na\n")
    with pytest.raises(DataError, match="line 3: a is also in line 1"):
        CvatMask(split="train", root=tmp_path)
    (tmp_path / "labelmap.txt").unlink()
    with pytest.raises(DataError, match=r'"Segmentation mask 1\.1" with "Save images"'):
        CvatMask(split="train", root=tmp_path)


def test_lines_without_any_color_are_datumaros_and_have_vocs_colors(tmp_path):
    plant(tmp_path, {"train": ["a"]}, labelmap="background:::\ncar:::\ntree:::\n")
    pixels = np.array([[[0, 0, 0], [0, 128, 0], [128, 0, 0]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "SegmentationClass/a.png")
    dataset = CvatMask(split="train", root=tmp_path)
    assert dataset.labels.names == ("background", "car", "tree")
    assert dataset[0].label.tolist() == [[0, 2, 1]]
    plant(tmp_path, {"train": ["a"]}, labelmap="background:0,0,0::\ncar:::\n")
    with pytest.raises(DataError, match=r"car have no color .*\n.*car:red,green,blue::"):
        CvatMask(split="train", root=tmp_path)


def test_hidden_lists_are_no_splits(tmp_path):
    plant(tmp_path, {"default": ["a", "b"]})
    (tmp_path / "ImageSets/Segmentation/._default.txt").write_bytes(b"\0\5\x16\7")
    assert len(CvatMask(split="val", root=tmp_path)) == 1


GREY = np.array([[0, 2, 1]], np.uint8)


def test_grey_masks_hold_positions_of_the_label_map(tmp_path):
    """Datumaro's export with `apply_colormap=False`."""
    plant(tmp_path, {"train": ["a"]})
    Image.fromarray(GREY).save(tmp_path / "SegmentationClass/a.png")
    assert CvatMask(split="train", root=tmp_path)[0].label.tolist() == GREY.tolist()
    plant(tmp_path, {"train": ["a"]}, LABELMAP.replace("0,0,142", "2,2,2"))
    Image.fromarray(GREY).save(tmp_path / "SegmentationClass/a.png")
    with pytest.raises(DataError, match="grey value 2 is the position of one class"):
        CvatMask(split="train", root=tmp_path)[0]
    Image.fromarray(GREY + 7).save(tmp_path / "SegmentationClass/a.png")
    with pytest.raises(DataError, match=r"a\.png"):
        CvatMask(split="train", root=tmp_path)[0]


def test_without_lists_all_images_are_meant(tmp_path):
    plant(tmp_path, {"default": [f"f{number}" for number in range(10)]})
    listed = CvatMask(split="train", root=tmp_path)
    (tmp_path / "ImageSets/Segmentation/default.txt").unlink()
    for directory in ("ImageSets/Segmentation", "ImageSets"):
        assert CvatMask(split="train", root=tmp_path).pairs == listed.pairs
        (tmp_path / directory).rmdir()
    (tmp_path / "SegmentationClass/f3.png").unlink()
    with pytest.raises(DataError, match=r"(?s)1 images have no label: .*unannotated=background"):
        CvatMask(split="train", root=tmp_path)
    splits = [CvatMask(split=split, root=tmp_path, unannotated="background")
              for split in ("train", "val")]  # fmt: skip
    drawn = {sample.name: sample.label.max() for dataset in splits for sample in dataset}
    assert drawn == {f"f{number}": 0 if number == 3 else 2 for number in range(10)}
    (tmp_path / "JPEGImages/f4.jpg").unlink()
    with pytest.raises(DataError, match=r"f4"):
        CvatMask(split="train", root=tmp_path, unannotated="background")


def test_the_border_of_vocs_objects_is_ignored(tmp_path):
    """The class that Datumaro adds where it writes VOC's own label map."""
    plant(tmp_path, {"train": ["a"]}, LABELMAP + "ignored:224,224,192::\n")
    colors = np.array([[[0, 0, 0], [224, 224, 192], [0, 0, 142]]], np.uint8)
    Image.fromarray(colors).save(tmp_path / "SegmentationClass/a.png")
    dataset = CvatMask(split="train", root=tmp_path)
    assert dataset.labels.names == ("background", "car", "road: wet")
    assert dataset[0].label.tolist() == [[0, dataset.labels.ignore_index, 1]]
