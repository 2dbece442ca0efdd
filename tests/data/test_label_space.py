"""What a pixel value means: encoding, unknown values, colors."""

import numpy as np
import pytest

from seg.data.label_space import LabelSpace
from seg.errors import ConfigError, DataError

SPACE = LabelSpace(
    ("a", "b"), ((1, 2, 3), (4, 5, 6)), ((7, 0), (9, 1), (255, 255), (1000, 1)), ignore_index=255
)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
def test_encoding_is_the_same_for_every_integer(dtype):
    values = np.array([[7, 9], [255, 7]], dtype)
    encoded = SPACE.encode(values, "x.png")
    assert encoded.dtype == np.uint8
    assert encoded.tolist() == [[0, 1], [255, 0]]
    assert SPACE.encode(np.array([[1000]], np.uint16), "x.png").tolist() == [[1]]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16])
def test_unknown_values_are_counted(dtype):
    with pytest.raises(DataError) as caught:
        SPACE.encode(np.array([[7, 8, 8, 3]], dtype), "x.png")
    message = str(caught.value)
    assert "x.png" in message
    assert "3 (1 pixels), 8 (2 pixels)" in message
    assert "7, 9, 255, 1000" in message


def test_negative_values_are_unknown():
    with pytest.raises(DataError, match=r"-1 \(1 pixels\)"):
        SPACE.encode(np.array([[-1]], np.int32), "x.png")


def test_plain_data_and_back():
    assert LabelSpace.from_dict(SPACE.to_dict()) == SPACE


def test_fewer_than_two_classes_are_refused():
    with pytest.raises(DataError, match="road; two or more are needed"):
        LabelSpace.identity(("road",), ((1, 2, 3),))
    with pytest.raises(ConfigError, match="only 'b' is left"):
        SPACE.remapped(merge={}, ignore=["a"])


@pytest.mark.parametrize(
    "change",
    [
        {"ignore_index": 2**40},
        {"ignore_index": "255"},
        {"file_ids": [[2**40, 0]]},
        {"file_ids": [[-1, 0]]},
        {"file_ids": [[0, 9]]},
        {"file_ids": [[0.5, 0]]},
        {"palette": [[0, 0, 256], [1, 1, 1]]},
        {"palette": [[0, 0, "1"], [1, 1, 1]]},
        {"names": [1, 2]},
    ],
)
def test_plain_data_makes_no_label_space_of_any_size(change):
    plain = LabelSpace.identity(("a", "b"), ((0, 0, 0), (1, 1, 1))).to_dict()
    assert LabelSpace.from_dict(plain).names == ("a", "b")
    with pytest.raises(ValueError, match=r"file id|ignore index|color|class name"):
        LabelSpace.from_dict(plain | change)
