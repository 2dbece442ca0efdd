"""Oxford-IIIT Pet on a small tree in the official layout."""

import logging
import pickle

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.oxford_pet import BREED, OxfordPet
from seg.errors import ConfigError, DataError

TRAINVAL = [f"Abyssinian_{number} 1 1 1" for number in range(1, 16)]
TRAINVAL += [f"yorkshire_terrier_{number} 37 2 25" for number in range(9, 14)]
TEST = ["Sphynx_9 34 1 12", "boxer_100 9 2 4"]


def name_of(line):
    return line.split()[0]


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "annotations/trimaps").mkdir(parents=True)
    # The archives also hold other programs' files, and images that no list names.
    (tmp_path / "images/Abyssinian_100.mat").write_bytes(b"MATLAB")
    (tmp_path / "annotations/trimaps/._boxer_100.png").write_bytes(b"\0\5\26\7")
    Image.new("RGB", (3, 2)).save(tmp_path / "images/Egyptian_Mau_14.jpg")
    for name, lines in (("trainval", TRAINVAL), ("test", TEST)):
        (tmp_path / f"annotations/{name}.txt").write_text("\n".join(lines) + "\n")
    header = "#Image CLASS-ID SPECIES BREED ID\n#ID: 1:37 Class ids\n"
    (tmp_path / "annotations/list.txt").write_text(header + "\n".join(TRAINVAL + TEST))
    for number, line in enumerate(TRAINVAL + TEST):
        size = (3, 2) if number % 2 else (2, 3)
        Image.new("RGB", size, (200, 9, 9)).save(tmp_path / f"images/{name_of(line)}.jpg")
        trimap = np.array([1, 2, 3, 3, 2, 1], np.uint8).reshape(size[::-1])
        Image.fromarray(trimap).save(tmp_path / f"annotations/trimaps/{name_of(line)}.png")
    return tmp_path


@pytest.mark.parametrize(
    ("task", "names", "label"),
    [
        ("foreground", ("background", "pet"), [1, 0, 255, 255, 0, 1]),
        ("trimap", ("pet", "background", "border"), [0, 1, 2, 2, 1, 0]),
        ("breed", BREED.names, [34, 0, 255, 255, 0, 34]),
    ],
)
def test_each_task_has_its_classes(tree, task, names, label):
    dataset = OxfordPet(split="test", root=tree, task=task)
    assert dataset.labels.names == names
    assert dataset[0].name == "Sphynx_9"
    assert dataset[0].label.ravel().tolist() == label
    assert dataset[0].image.shape[:2] == dataset[0].label.shape != dataset[1].label.shape


def test_breeds_are_numbered_as_the_dataset_does():
    assert BREED.num_classes == 38
    assert len(set(BREED.palette)) == 38
    # The official ids follow the alphabet, whatever the case.
    assert sorted(BREED.names[1:], key=str.lower) == list(BREED.names[1:])
    assert [BREED.names.index(breed) for breed in ("Abyssinian", "Sphynx", "boxer")] == [1, 34, 9]


def test_the_reader_of_breeds_reaches_workers(tree):
    dataset = pickle.loads(pickle.dumps(OxfordPet(split="test", root=tree, task="breed")))
    assert set(np.unique(dataset[1].label)) == {0, 9, 255}


def test_every_tenth_of_trainval_is_val(tree, caplog):
    with caplog.at_level(logging.WARNING):
        train, val = (OxfordPet(split=split, root=tree) for split in ("train", "val"))
    names = [{pair.name for pair in dataset.pairs} for dataset in (train, val)]
    # By number, not by letter: Abyssinian_1 to _15, then yorkshire_terrier_9 to _13.
    assert names[1] == {"Abyssinian_10", "yorkshire_terrier_13"}
    assert names[0] == {name_of(line) for line in TRAINVAL} - names[1]
    assert "has 18 samples, the official split 3312" in caplog.text
    assert "has 2 samples, the official split 368" in caplog.text


def test_val_does_not_depend_on_the_order_of_the_list(tree):
    (tree / "annotations/trainval.txt").write_text("\n".join(reversed(TRAINVAL)))
    val = OxfordPet(split="val", root=tree)
    assert [pair.name for pair in val.pairs] == ["Abyssinian_10", "yorkshire_terrier_13"]


@pytest.mark.parametrize("task", ["foreground", "trimap", "breed"])
def test_values_of_no_trimap_are_refused(tree, task):
    Image.fromarray(np.array([[0, 1, 4]], np.uint8)).save(tree / "annotations/trimaps/Sphynx_9.png")
    Image.new("RGB", (3, 1)).save(tree / "images/Sphynx_9.jpg")
    with pytest.raises(
        DataError, match=r"0 \(1 pixels\), 4 \(1 pixels\)(?s:.*)allowed: 1-3"
    ) as told:
        OxfordPet(split="test", root=tree, task=task)[0]
    assert told.value.fault == "unknown_values"


@pytest.mark.parametrize(
    "line",
    [
        "Sphynx_9",
        "Sphynx_9 33 1 12",
        "Sphynx 34 1 12",
        "Sphynx_x 34 1 12",
        "dachshund_1 38 2 26",
        "<html>",
    ],
)
def test_a_wrong_list_is_told(tree, line):
    (tree / "annotations/test.txt").write_text(f"# a comment\n{line}\n")
    with pytest.raises(DataError, match=r"test\.txt, line 2: .* is not an image and its breed"):
        OxfordPet(split="test", root=tree)


def test_an_image_listed_twice_is_told(tree):
    (tree / "annotations/test.txt").write_text("\n".join(TEST + TEST[:1]))
    with pytest.raises(DataError, match="line 3: Sphynx_9 is listed twice"):
        OxfordPet(split="test", root=tree)


def test_what_is_missing_is_told(tree):
    (tree / "annotations/trimaps/Sphynx_9.png").unlink()
    with pytest.raises(DataError, match=r"1 do not exist:\n.*trimaps/Sphynx_9\.png"):
        OxfordPet(split="test", root=tree)
    (tree / "images/Sphynx_9.jpg").unlink()
    with pytest.raises(DataError, match=r"2 do not exist:\n.*Sphynx_9\.jpg, .*Sphynx_9\.png"):
        OxfordPet(split="test", root=tree)
    (tree / "annotations/test.txt").unlink()
    with pytest.raises(DataError, match=r"images, annotations/trimaps, annotations/test\.txt"):
        OxfordPet(split="test", root=tree)


def test_the_verifier_hears_of_missing_files(tree):
    (tree / "images/Sphynx_9.jpg").unlink()
    dataset = OxfordPet.tolerant(split="test", root=tree)
    assert len(dataset) == 1
    assert [(each.path.name, each.lacks) for each in dataset.unmatched] == [
        ("Sphynx_9.png", "image")
    ]


def test_wrong_choices_are_refused(tree):
    with pytest.raises(ConfigError, match="train, val, test"):
        OxfordPet(split="trainval", root=tree)
    with pytest.raises(ConfigError, match="foreground, trimap, breed"):
        OxfordPet(split="test", root=tree, task="species")
