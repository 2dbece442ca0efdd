"""Where datasets are looked for, and what is said when they are not there."""

import functools

import pytest

from seg.data.readers.dataset_root import find_root
from seg.errors import DataError

find = functools.partial(
    find_root, dataset="town", expected=("train", "labels/train"), how_to_get="town.example"
)


def make(folder):
    (folder / "train").mkdir(parents=True)
    (folder / "labels/train").mkdir(parents=True)
    return folder


def test_three_places_are_looked_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEG_DATA", raising=False)
    make(tmp_path / "data/town")
    assert find(None).resolve() == tmp_path / "data/town"
    monkeypatch.setenv("SEG_DATA", str(tmp_path / "store"))
    assert find(make(tmp_path / "mine")) == tmp_path / "mine"
    with pytest.raises(DataError, match="store/town"):
        find(None)
    assert find(str(make(tmp_path / "store/town"))) == find(None)


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    make(tmp_path / "town")
    assert find("~/town") == tmp_path / "town"


def test_a_wrong_root_is_described(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "a.zip").touch()
    with pytest.raises(DataError) as caught:
        find(tmp_path)
    message = str(caught.value)
    for part in (
        "'town' not found",
        str(tmp_path),
        "train, labels/train",
        "a.zip, notes/",
        "dataset.root",
        "$SEG_DATA",
        "town.example",
    ):
        assert part in message


@pytest.mark.parametrize("given", [".", "town/train", "town/labels/train"])
def test_a_root_at_another_level_is_pointed_out(tmp_path, given):
    right = make(tmp_path / "town")
    with pytest.raises(DataError, match=f"it seems to be {right}"):
        find(tmp_path / given)


def test_missing_empty_and_archive(tmp_path):
    with pytest.raises(DataError, match="no such directory"):
        find(tmp_path / "nowhere")
    with pytest.raises(DataError, match="found there: nothing"):
        find(tmp_path)
    (tmp_path / "town.zip").touch()
    with pytest.raises(DataError, match="archive"):
        find(tmp_path / "town.zip")
