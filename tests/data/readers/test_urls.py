from io import BytesIO

import pytest
from PIL import Image

from seg.data.readers.readers import read_image, read_label
from seg.data.readers.urls import in_memory_file
from seg.errors import DataError


def png(picture):
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def test_bytes_are_read_like_a_file_while_the_block_lasts():
    with in_memory_file(png(Image.new("RGB", (2, 1), (1, 2, 3))), "row 7") as location:
        assert read_image(location).tolist() == [[[1, 2, 3], [1, 2, 3]]]
    with pytest.raises(DataError, match="not found"):
        read_image(location)


def test_errors_tell_the_name_and_keep_their_kind():
    content = png(Image.new("RGB", (2, 1), (1, 2, 3)))
    with pytest.raises(DataError, match=r"^row 7: label holds colors") as caught:  # noqa: SIM117
        with in_memory_file(content, "row 7") as location:
            read_label(location)
    assert caught.value.fault == "label_kind"


def test_the_same_bytes_may_be_held_twice():
    content = png(Image.new("L", (1, 1), 5))
    with in_memory_file(content, "a") as first, in_memory_file(content, "a") as second:
        assert read_label(first).tolist() == read_label(second).tolist() == [[5]]
