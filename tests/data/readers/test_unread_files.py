"""What lies in a directory and is not read is counted by kind; hidden files are no data."""

import json
import logging
from pathlib import Path, PurePath

import pytest
from PIL import Image

from seg.data.classification.image_folder import ImageFolder
from seg.data.datasets.folder import Folder
from seg.data.readers.image_label_pairs import named_files
from seg.data.readers.unread_files import UnreadFiles, is_hidden
from seg.errors import DataError


def write_images(directory: Path, *names: str) -> Path:
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (6, 4), len(path.stem) % 2).save(path, "png")
    return directory


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "not read" in record.getMessage()]


@pytest.mark.parametrize(
    "path",
    [".a.png", "._a.jpg", ".ipynb_checkpoints/a.png", "x/.@__thumb/a.png", "@eaDir/a.jpg/b.jpg"],
)
def test_hidden_files_and_those_of_systems(path):
    assert is_hidden(PurePath(path))
    assert not is_hidden(PurePath("a.b/c.png"))


def test_the_line_counts_kinds_and_cuts_the_rare_ones():
    unread = UnreadFiles("in")
    for number in range(9):
        unread.add(PurePath(f"a{number}.k{number}"))
    for name in ("a.HEIC", "b.heic", ".c.heic", "README"):
        unread.add(PurePath(name))
    assert unread.line.startswith("in: not read: 2 .heic, 1 .k0, 1 .k1,")
    assert unread.line.endswith("6 of other kinds")
    assert UnreadFiles("in").line == ""


def test_named_files_count_what_they_pass_over(tmp_path, caplog):
    write_images(tmp_path, "a.png", "b.heic", "c.heic", ".ipynb_checkpoints/a-checkpoint.png")
    (tmp_path / "notes.txt").touch()
    (tmp_path / "c.json").touch()
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            assert list(named_files(tmp_path, pattern="**/*", others=(".json",))) == ["a"]
    assert messages(caplog) == [f"{tmp_path}: not read: 2 .heic, 1 .txt, 1 hidden"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_directory_of_another_format_says_so(tmp_path):
    write_images(tmp_path, "a.heic", "b.heic")
    with pytest.raises(DataError, match=r"not read: 2 \.heic"):
        named_files(tmp_path)


def test_a_directory_that_is_itself_below_a_hidden_one_is_read(tmp_path):
    directory = write_images(tmp_path / ".cache" / "images", "a.png")
    assert list(named_files(directory)) == ["a"]


def test_files_beside_the_splits_are_counted(tmp_path, caplog):
    for kind in ("images", "labels"):
        names = ("train/a.png", "train/bb.png", "train/.ipynb_checkpoints/a.png")
        write_images(tmp_path / kind, *names, "loose.png", "extra/a.png")
    with caplog.at_level(logging.INFO):
        dataset = Folder(split="train", root=tmp_path)
    assert [pair.name for pair in dataset.pairs] == ["a", "bb"]
    for kind in ("images", "labels"):
        where = tmp_path / kind
        assert f"{where}: not read: 1 .png beside the directories, 1 directory extra/" in messages(
            caplog
        )
        assert f"{where / 'train'}: not read: 1 hidden" in messages(caplog)


@pytest.mark.parametrize("layout", ["{kind}", "{kind}/train", "train/{kind}"])
def test_directories_beside_those_that_are_read_are_named(layout, tmp_path, caplog):
    for kind in ("images", "labels"):
        write_images(tmp_path / layout.format(kind=kind), "a.png", "bb.png")
    write_images(tmp_path / "night", "a.png")
    names = ("background", "road")
    (tmp_path / "my_classes.json").write_text(json.dumps(names))
    (tmp_path / "read.me").touch()
    Folder(split="train", root=tmp_path, classes=tmp_path / "my_classes.json")
    (record,) = [each for each in caplog.records if "not read" in each.getMessage()]
    expected = f"{tmp_path}: not read: 1 .me beside the directories, 1 directory night/"
    assert record.getMessage() == expected
    assert record.levelno == logging.WARNING  # images may be missed


def test_images_of_classes_pass_hidden_directories_over(tmp_path, caplog):
    for name in ("cat", "dog"):
        write_images(
            tmp_path / "train" / name, "a.png", ".thumbs/a.png", "b.heic", "in/@eaDir/c.png"
        )
    write_images(tmp_path / "train", "loose.png", ".ipynb_checkpoints/a.png", "@eaDir/a.png")
    with caplog.at_level(logging.INFO):
        dataset = ImageFolder(split="train", root=tmp_path)
    assert dataset.labels.names == ("cat", "dog")
    assert [dataset.name(index) for index in range(len(dataset))] == ["cat/a.png", "dog/a.png"]
    where = tmp_path / "train"
    assert messages(caplog) == [
        f"{where}: not read: 2 hidden, 1 .png beside the directories",
        f"{where}: not read: 4 hidden, 2 .heic",
    ]
