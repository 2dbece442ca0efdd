import pytest

from seg.data.options import check_choice
from seg.errors import ConfigError


def test_a_known_value_passes_and_another_is_told_with_the_reason():
    check_choice("VOC", "split", "val", ("train", "val"))
    with pytest.raises(ConfigError) as caught:
        check_choice("VOC", "split", "test", ("train", "val"), why="not published")
    assert str(caught.value) == "VOC has no split 'test'; allowed: train, val\n  not published"
