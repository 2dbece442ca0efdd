import pytest

from seg.data.readers.splits import check_choice, find_split, hash_split
from seg.errors import ConfigError, DataError

NAMES = [f"picture{number}" for number in range(50)]


def part(names, split, fraction=0.2, seed=0):
    return hash_split(names, split, val_fraction=fraction, seed=seed, where="here")


def test_splits_have_their_usual_spellings():
    assert find_split("val", ["training", "Validation"], "x") == "Validation"
    assert find_split("train", ["training", "val"], "x") == "training"
    assert find_split("test", ["train"], "x") is None
    assert find_split("night", ["Night"], "x") == "Night"
    with pytest.raises(DataError, match="val and valid both mean the split 'val'"):
        find_split("val", ["valid", "val"], "x")


def test_a_split_by_name_is_a_partition_that_stays():
    train, val = part(NAMES, "train"), part(NAMES, "val")
    assert len(val) == 10
    assert train | val == set(NAMES)
    assert not train & val
    assert part(NAMES[::-1], "val") == val
    assert part(NAMES, "val", seed=1) != val


def test_a_new_name_hardly_moves_the_others():
    assert len(part([*NAMES, "new"], "val") ^ part(NAMES, "val")) <= 2


def test_both_parts_hold_something():
    assert len(part(["a", "b"], "val", 0.01)) == 1
    assert len(part(["a", "b"], "train", 0.99)) == 1
    with pytest.raises(DataError, match="one each"):
        part(["a"], "val")
    with pytest.raises(ConfigError, match="val_fraction=1"):
        part(NAMES, "val", 1)
    with pytest.raises(ConfigError, match="allowed: train, val"):
        part(NAMES, "test")


def test_a_known_value_passes_and_another_is_told_with_the_reason():
    check_choice("VOC", "split", "val", ("train", "val"))
    with pytest.raises(ConfigError) as caught:
        check_choice("VOC", "split", "test", ("train", "val"), why="not published")
    assert str(caught.value) == "VOC has no split 'test'; allowed: train, val\n  not published"
