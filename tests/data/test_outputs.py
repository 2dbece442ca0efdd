"""What the codes of labels mean to a network of sigmoid outputs."""

from dataclasses import replace

import numpy as np
import pytest

from seg.data.label_space import LabelSpace
from seg.data.outputs import Outputs, binary_outputs, region_outputs
from seg.errors import ConfigError, DataError

COLORS = ((200, 0, 0), (0, 100, 0), (0, 0, 50))
MASKS = LabelSpace(("a", "b", "c"), COLORS, (), outputs=Outputs.multi_label(("a", "b", "c")))
NAMES = ("background", "edge", "core")
REGIONS = {"whole": ["core", "edge"], "inner": ["core"]}


def with_outputs(outputs):
    return replace(LabelSpace.identity(NAMES, COLORS), outputs=outputs)


def test_exclusive_classes_stay_as_they_were():
    space = LabelSpace.identity(NAMES, COLORS)
    assert (space.mode, space.members, space.thresholds) == ("exclusive", None, None)
    assert (space.num_outputs, space.num_codes, space.output_names) == (3, 3, NAMES)
    assert space.output_palette == COLORS
    assert set(space.to_dict()) == {"names", "palette", "file_ids", "ignore_index"}


def test_bits_of_a_code_are_classes():
    assert MASKS.mode == "multi_label"
    assert (MASKS.num_outputs, MASKS.num_codes, MASKS.thresholds) == (3, 8, (0.5, 0.5, 0.5))
    assert MASKS.members.tolist() == [[code & 1, code >> 1 & 1, code >> 2] for code in range(8)]
    codes_HW = np.array([[0, 5, 7, 255]], np.uint8)
    assert MASKS.encode(codes_HW, "a").tolist() == codes_HW.tolist()
    with pytest.raises(DataError, match=r"8 \(1 pixels\)"):
        MASKS.encode(np.array([[8]], np.uint8), "a")
    mixed = [[0, 0, 0], [100, 0, 25], [67, 33, 17], [0, 0, 0]]
    assert MASKS.colorize(codes_HW)[0].tolist() == mixed


def test_one_class_is_enough_eight_need_16_bits_and_sixteen_are_too_many():
    assert LabelSpace(("a",), COLORS[:1], (), outputs=Outputs.multi_label(("a",))).num_codes == 2
    wide = LabelSpace.overlapping(tuple("abcdefgh"), tuple((k, 0, 0) for k in range(8)))
    assert (wide.num_codes, wide.ignore_index, wide.dtype) == (256, 65535, np.uint16)
    assert wide.encode(np.array([255, 65535]), "a").tolist() == [255, 65535]
    narrow = wide.remapped(merge={}, keep=list("abch"))
    assert (narrow.dtype, narrow.ignore_index) == (np.uint8, 255)
    assert narrow.encode(np.array([0b10000101, 65535]), "a").tolist() == [0b1101, 255]
    with pytest.raises(ConfigError, match="16 classes that may overlap; up to 15"):
        Outputs.multi_label(tuple("abcdefghijklmnop"))


def test_merged_classes_are_unions_and_ignored_ones_are_left_out():
    space = MASKS.remapped(merge={"ac": ["a", "c"]}, ignore=["b"])
    assert (space.names, space.palette, space.mode) == (("ac",), COLORS[:1], "multi_label")
    assert space.encode(np.arange(8), "a").tolist() == [0, 1, 0, 1, 1, 1, 1, 1]
    assert space.encode(np.array([255]), "a").tolist() == [255]
    assert MASKS.remapped(merge={}, keep=["c"]).names == ("c",)


def test_the_foreground_is_the_second_class():
    space = replace(LabelSpace.identity(NAMES[:2], COLORS[:2]), outputs=binary_outputs(NAMES[:2]))
    assert (space.num_outputs, space.output_names) == (1, ("edge",))
    assert space.members.tolist() == [[False], [True]]
    assert space.output_palette == COLORS[1:2]
    with pytest.raises(ConfigError, match=r"3 classes; two are needed.*\n.*labels.merge"):
        binary_outputs(NAMES)


def test_regions_are_unions_of_classes():
    space = with_outputs(region_outputs(NAMES, REGIONS))
    assert (space.mode, space.num_outputs, space.output_names) == ("regions", 2, ("whole", "inner"))
    assert space.members.tolist() == [[False, False], [True, False], [True, True]]
    assert space.outputs.written == (1, 2)  # the class that no later region holds
    assert space.outputs.background == 0
    assert space.output_palette == (COLORS[1], COLORS[2])


def test_the_order_says_what_each_region_writes():
    names = ("background", "a", "b", "c")
    regions = {"all": ["a", "b", "c"], "some": ["c"]}
    with pytest.raises(ConfigError, match=r"regions.all: .*, and a, b are in no.*\n.*region_order"):
        region_outputs(names, regions)
    assert region_outputs(names, regions, ["b", "c"]).written == (2, 3)
    with pytest.raises(ConfigError, match="region_order: no class 'some'"):
        region_outputs(names, regions, ["b", "some"])
    with pytest.raises(ConfigError, match=r"for each of 2 regions"):
        region_outputs(names, regions, ["b"])


@pytest.mark.parametrize(
    ("regions", "reason"),
    [
        ({"all": ["background", "edge", "core"]}, "none is left"),
        ({"inner": ["core"]}, "background, edge are in no region"),
        ({"whole": ["core", "rim"]}, "no class 'rim'; allowed: background, edge, core"),
        ({"whole": ["core", "core"]}, "each once"),
        ({"whole": []}, "one or more classes"),
    ],
)
def test_regions_that_mean_nothing_are_refused(regions, reason):
    with pytest.raises(ConfigError, match=reason):
        region_outputs(NAMES, regions)


@pytest.mark.parametrize(
    "space",
    [MASKS, with_outputs(region_outputs(NAMES, REGIONS)), MASKS.remapped(merge={}, keep=["c"])],
)
def test_plain_data_and_back(space):
    assert LabelSpace.from_dict(space.to_dict()) == space
    other = replace(space, outputs=replace(space.outputs, thresholds=(0.3,) * space.num_outputs))
    assert space.is_compatible(other)
    assert LabelSpace.from_dict(other.to_dict()).thresholds == other.thresholds
    assert not space.is_compatible(replace(with_outputs(None), names=(*NAMES[:2], "other")))


def test_other_outputs_need_another_network():
    exclusive, regions = with_outputs(None), with_outputs(region_outputs(NAMES, REGIONS))
    assert not exclusive.is_compatible(regions)
    assert not regions.is_compatible(exclusive)
    assert not regions.is_compatible(
        with_outputs(region_outputs(NAMES, {"x": ["core", "edge"]}, ["core"]))
    )


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "other"},
        {"outputs": ["a", "b", "d"]},
        {"outputs": "abc"},
        {"outputs": [1, 2, 3]},
        {"output_classes": [[0], [1], [3]]},
        {"output_classes": [[0], [1]]},
        {"written": [0]},
        {"thresholds": [0.5, 0.5, 1.5]},
        {"thresholds": ["a", "b", "c"]},
        {"thresholds": None},
    ],
)
def test_damaged_outputs_are_refused(change):
    with pytest.raises(ValueError, match=r".+"):
        LabelSpace.from_dict({**MASKS.to_dict(), **change})
