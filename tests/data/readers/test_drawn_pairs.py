"""Images whose labels are drawn from one file: each has a name of its own."""

from pathlib import PurePath

import pytest

from seg.data.readers.drawn_pairs import sample_names


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["x/a.png", "b.jpg"], ["x/a", "b"]),
        (["a.png", "a.jpg", "b.jpg"], ["a_png", "a_jpg", "b"]),
        (["a.png", "a.jpg", "a_png.bmp"], ["a.png", "a.jpg", "a_png.bmp"]),
    ],
)
def test_names_are_unique(files, names):
    assert sample_names([PurePath(file) for file in files]) == names
