"""The original CamVid on a small tree in the published layout; its splits on the real names."""

import logging
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.camvid_original import LABELS, CamVidOriginal, split_of
from seg.errors import ConfigError, DataError

# The dataset's own label_colors.txt.
LABEL_COLORS = """\
64 128 64\tAnimal
192 0 128\tArchway
0 128 192\tBicyclist
0 128 64\tBridge
128 0 0\t\tBuilding
64 0 128\tCar
64 0 192\tCartLuggagePram
192 128 64\tChild
192 192 128\tColumn_Pole
64 64 128\tFence
128 0 192\tLaneMkgsDriv
192 0 64\tLaneMkgsNonDriv
128 128 64\tMisc_Text
192 0 192\tMotorcycleScooter
128 64 64\tOtherMoving
64 192 128\tParkingBlock
64 64 0\t\tPedestrian
128 64 128\tRoad
128 128 192\tRoadShoulder
0 0 192\t\tSidewalk
192 128 128\tSignSymbol
128 128 128\tSky
64 128 192\tSUVPickupTruck
0 0 64\t\tTrafficCone
0 64 64\t\tTrafficLight
192 64 128\tTrain
128 128 0\tTree
192 128 192\tTruck_Bus
64 0 64\t\tTunnel
192 192 0\tVegetationMisc
0 0 0\t\tVoid
64 192 0\tWall
"""
OFFICIAL = {
    name: (int(red), int(green), int(blue))
    for red, green, blue, name in map(str.split, LABEL_COLORS.splitlines())
}
# All 701 names, as SegNet's lists write them.
SEQUENCES = {
    "0001TP_{:06}": range(6690, 10381, 30),
    "0006R0_f{:05}": range(930, 3931, 30),
    "0016E5_{:05}": [
        *(901 if frame == 900 else frame for frame in range(390, 2401, 30)),
        *range(4350, 7921, 30),
        *range(7959, 8160, 2),
        *range(8190, 8641, 30),
    ],
    "Seq05VD_f{:05}": range(0, 5101, 30),
}
NAMES = [name.format(frame) for name, frames in SEQUENCES.items() for frame in frames]


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "label_colors.txt").write_text(LABEL_COLORS)
    for folder in ("701_StillsRaw_full", "LabeledApproved_full"):
        (tmp_path / folder).mkdir()
    colors = np.array(list(OFFICIAL.values()), np.uint8).reshape(4, 8, 3)
    for name in ("0001TP_006690", "0001TP_008550", "0016E5_07961", "Seq05VD_f00000"):
        Image.new("RGB", (8, 4)).save(tmp_path / f"701_StillsRaw_full/{name}.png")
        Image.fromarray(colors).save(tmp_path / f"LabeledApproved_full/{name}_L.png")
    return tmp_path


def test_the_table_is_the_official_one():
    assert len(OFFICIAL) == 32
    classes = dict(zip(LABELS.names, LABELS.palette, strict=True))
    assert classes == {name: color for name, color in OFFICIAL.items() if name != "Void"}


def test_colors_become_classes_and_void_is_ignored(tree):
    sample = CamVidOriginal(split="val", root=tree)[0]
    assert sample.name == "0016E5_07961"
    expected = [255 if name == "Void" else LABELS.names.index(name) for name in OFFICIAL]
    assert sample.label.ravel().tolist() == expected


def test_each_split_has_its_own_images(tree, caplog):
    with caplog.at_level(logging.WARNING):
        names = {
            split: [sample.name for sample in CamVidOriginal(split=split, root=tree)]
            for split in ("train", "test")
        }
    assert names == {"train": ["0001TP_006690"], "test": ["0001TP_008550", "Seq05VD_f00000"]}
    assert "has 1 samples, the official split 367" in caplog.text
    with pytest.raises(ConfigError, match="train, val, test"):
        CamVidOriginal(split="trainval", root=tree)


def test_the_701_images_are_split_as_published():
    assert Counter(map(split_of, NAMES)) == {"train": 367, "val": 101, "test": 233}


@pytest.mark.data
@pytest.mark.parametrize("split", ["train", "val"])
def test_the_rule_gives_the_real_splits(camvid_root, split):
    real = {path.stem for path in (camvid_root / split).glob("*.png")}
    assert real == {name for name in NAMES if split_of(name) == split}


@pytest.mark.parametrize("name", ["0016E5_08700", "0001TP_x", "0009ZZ_00390", "picture"])
def test_other_names_are_refused(name):
    with pytest.raises(DataError, match=f"{name}: not one of CamVid's 701"):
        split_of(name)


def test_a_color_of_no_class_is_told(tree):
    Image.new("RGB", (8, 4), (1, 2, 3)).save(tree / "LabeledApproved_full/0016E5_07961_L.png")
    with pytest.raises(DataError, match=r"#010203 \(32 pixels\)"):
        CamVidOriginal(split="val", root=tree)[0]


def test_what_is_missing_is_told(tree, tmp_path):
    with pytest.raises(DataError, match="701_StillsRaw_full, LabeledApproved_full"):
        CamVidOriginal(split="val", root=tmp_path / "elsewhere")
    (tree / "LabeledApproved_full/0016E5_07961_L.png").unlink()
    with pytest.raises(DataError, match="1 images have no label"):
        CamVidOriginal(split="val", root=tree)
