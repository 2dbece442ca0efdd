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


def wide(count=300):
    names = tuple(f"class_{number}" for number in range(count))
    return LabelSpace.identity(names, tuple((0, at // 256, at % 256) for at in range(count)))


@pytest.mark.parametrize(("count", "dtype", "ignored"), [(255, "u1", 255), (256, "u2", 65535)])
def test_more_than_255_classes_have_labels_of_16_bits(count, dtype, ignored):
    space = wide(count)
    assert (np.dtype(space.dtype), space.ignore_index) == (np.dtype(dtype), ignored)
    for values in (np.array([[0, 254]], np.uint8), np.array([[count - 1, ignored]], np.uint16)):
        encoded = space.encode(values, "x.png")
        assert encoded.dtype == space.dtype
        assert encoded.tolist() == values.tolist()
    assert space.colorize(np.array([[1, count - 1, ignored]], dtype)).tolist() == [
        [[0, 0, 1], [0, (count - 1) // 256, (count - 1) % 256], [0, 0, 0]]
    ]
    assert LabelSpace.from_dict(space.to_dict()) == space


def test_few_of_many_classes_have_labels_of_8_bits():
    space = wide()
    few = space.remapped(merge={"all": space.names[:290]}, ignore=["class_295"])
    assert (np.dtype(few.dtype), few.ignore_index, few.num_classes) == (np.uint8, 255, 10)
    values = np.array([[3, 289, 290, 295, 299, 65535]], np.uint16)
    assert few.encode(values, "x.png").tolist() == [[0, 0, 1, 255, 9, 255]]
    many = space.remapped(merge={}, ignore=["class_295"])
    assert many.encode(values, "x.png").tolist() == [[3, 289, 290, 65535, 298, 65535]]


def test_ignored_pixels_are_no_class():
    with pytest.raises(ValueError, match="300 classes do not fit below ignore index 255; allowed"):
        LabelSpace(wide().names, wide().palette, wide().file_ids)
    with pytest.raises(ValueError, match="ignore index 65536"):
        LabelSpace(SPACE.names, SPACE.palette, SPACE.file_ids, 65536)


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
