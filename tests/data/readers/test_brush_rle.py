"""Brush strokes of Label Studio, decoded as its SDK decodes them."""

import numpy as np
import pytest

from seg.data.readers.brush_rle import decode_brush
from seg.errors import DataError
from tests.data.datasets.label_studio_tree import encode

DRAW = np.random.default_rng(0)


def test_a_stroke_of_the_sdk_is_what_its_png_export_draws():
    """`mask2rle` and `Converter(...).convert(..., "BRUSH_TO_PNG")` of label-studio-sdk 2.1.2."""
    rle = [
        *(0, 0, 0, 200, 57, 27, 254, 47, 0, 194, 127, 248, 76, 2),
        *(127, 248, 192, 39, 255, 194, 96, 24, 79, 255, 25, 128, 0),
    ]
    alpha_HW, runs = decode_brush(bytes(rle), (10, 5), "stroke")
    assert runs == 9
    assert (alpha_HW // 255).tolist() == [
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 1, 1, 1, 1, 1, 0, 0, 0],
        [0, 0, 1, 1, 0, 1, 1, 0, 0, 0],
        [0, 0, 1, 1, 1, 1, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ]


@pytest.mark.parametrize("literal", [0, 1, 3, 50])
@pytest.mark.parametrize(("bits", "widths"), [(8, (3, 4, 8, 16)), (1, (1, 2, 3, 7)), (5, (6,) * 4)])
def test_only_the_last_channel_is_the_mask(literal, bits, widths):
    image_HW4 = DRAW.integers(0, 2**bits, (3, 7, 4))
    image_HW4[1] = image_HW4[1, :1]  # runs of several values
    rle = bytes(encode(image_HW4.ravel().tolist(), bits, widths, literal))
    alpha_HW, _ = decode_brush(rle, (7, 3), "stroke")
    assert alpha_HW.tolist() == image_HW4[..., 3].tolist()


@pytest.mark.parametrize(
    ("rle", "message"),
    [
        (encode([0] * 80)[:-1], "ends early"),
        (encode([1] * 79), "has 79 values, and the image 20 pixels of 4 channels"),
        (encode([1] * 80, bits=9), "values have 9 bits"),
        ([0, 0, 0, 80, 0b00111001, 0b00011000, 0xFF, 0xFF], "beyond the image|ends early"),
        ([], "ends early"),
    ],
)
def test_damage_is_named(rle, message):
    with pytest.raises(DataError, match=f"task 1: its brush stroke is damaged: .*({message})"):
        decode_brush(bytes(rle), (5, 4), "task 1")


def test_runs_are_limited():
    rle = bytes(encode(DRAW.integers(0, 2, 80).tolist()))
    with pytest.raises(DataError, match="too many runs") as caught:
        decode_brush(rle, (5, 4), "task 1", max_runs=10)
    assert caught.value.fault == "too_large"
