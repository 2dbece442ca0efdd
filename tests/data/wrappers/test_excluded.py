"""`verify.json` read back: hostile files are refused with what is wrong; samples are left out."""

import json
import pickle

import numpy as np
import pytest
from PIL import Image

from seg.data.label_space import LabelSpace
from seg.data.readers.image_label_pairs import PairDataset, UnmatchedFile, match_pairs, named_files
from seg.data.sample import Sample
from seg.data.wrappers import excluded as module
from seg.data.wrappers.excluded import (
    file_key,
    plain_text,
    read_quarantine,
    without_quarantined,
)
from seg.data.wrappers.subset import Subset
from seg.errors import DataError
from tests.data.wrappers.verify_file import verification

LABELS = LabelSpace.identity(("a", "b"), ((1, 2, 3), (4, 5, 6)))


def write(folder, content):
    path = folder / "verify.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


class Numbers:
    """A dataset without files."""

    labels = LABELS

    def __init__(self, length: int, split: str = "train") -> None:
        self.length, self.split = length, split

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        raise AssertionError("no sample need be read")


@pytest.fixture
def pairs(tmp_path):
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
        for value, name in enumerate("abcd"):
            Image.new("L", (3, 2), value % 2).save(tmp_path / folder / f"{name}.png")
    files = (named_files(tmp_path / folder) for folder in ("images", "labels"))
    return PairDataset(match_pairs(*files), labels=LABELS, split="train")


def test_named_samples_are_left_out(tmp_path, pairs):
    quarantine = read_quarantine(write(tmp_path, verification()))
    assert quarantine.names("train") == {"b", "c"}
    rest = without_quarantined(pairs, quarantine)
    assert [pair.name for pair in rest.pairs] == ["a", "d"]
    assert [rest[index].name for index in range(len(rest))] == ["a", "d"]
    assert (rest.labels, rest.split) == (LABELS, "train")
    assert rest.read_label(1).tolist() == [[1] * 3] * 2


def test_names_count_where_there_are_files_even_if_others_were_deleted(tmp_path, pairs):
    quarantine = read_quarantine(write(tmp_path, verification()))
    fewer = PairDataset(pairs.pairs[1:], labels=LABELS, split="train")
    assert [pair.name for pair in without_quarantined(fewer, quarantine).pairs] == ["d"]


def test_without_files_positions_count(tmp_path):
    quarantine = read_quarantine(write(tmp_path, verification()))
    rest = without_quarantined(Numbers(4), quarantine)
    assert rest.indices == (0, 3)
    assert not hasattr(rest, "pairs")
    with pytest.raises(DataError, match="had 4 samples when it was verified, now it has 5"):
        without_quarantined(Numbers(5), quarantine)


def test_a_sound_split_stays_as_it_is(tmp_path):
    val = Numbers(1, "val")
    assert without_quarantined(val, read_quarantine(write(tmp_path, verification()))) is val


def test_a_split_that_was_not_verified_is_refused(tmp_path):
    quarantine = read_quarantine(write(tmp_path, verification()))
    with pytest.raises(DataError, match=r"nothing of split 'test'; verified are: train, val"):
        without_quarantined(Numbers(4, "test"), quarantine)


def test_nothing_left_is_refused(tmp_path):
    plain = verification(
        counts={"train": 2}, sound={"train": 0}, quarantine={"train": ["a", "b"]},
        indices={"train": [0, 1]},
    )  # fmt: skip
    with pytest.raises(DataError, match="all 2 samples are in quarantine"):
        without_quarantined(Numbers(2), read_quarantine(write(tmp_path, plain)))


def test_lonely_files_are_covered_by_path_and_kind(tmp_path):
    quarantine = read_quarantine(write(tmp_path, verification()))
    assert quarantine.covers(UnmatchedFile("train/x.png", "image", "label"))
    assert quarantine.covers(UnmatchedFile("train/sub/../x.png", "image", "label"))
    assert not quarantine.covers(UnmatchedFile("train/x.png", "label", "image"))
    assert not quarantine.covers(UnmatchedFile("val/x.png", "image", "label"))


def test_addresses_are_no_paths():
    assert file_key("s3://bucket/a//b.png") == "s3://bucket/a//b.png"


def test_names_that_are_no_text_make_the_round(tmp_path):
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    plain = verification(quarantine={"train": [plain_text(name), "c"], "val": []})
    names = read_quarantine(write(tmp_path, plain)).names("train")
    assert plain_text(name) in names
    assert name.encode("utf-8", "surrogateescape") == b"caf\xe9"


HOSTILE = {
    "no JSON": ("not json at all", "no valid JSON"),
    "empty": ("", "file is empty"),
    "half": (json.dumps(verification())[:-20], "no valid JSON"),
    "a key twice": ('{"format": "seg.verify", "format": 1}', "'format' occurs twice"),
    "digits without end": (f'{{"version": {"1" * 5000}}}', "a number of 5000 digits"),
    "a list": ("[]", "file: "),
    "deep": ("[" * 100_000, "nested deeper than 64 levels"),
    "a number beyond all": (
        json.dumps(verification()).replace(": 4", ": 1e999", 1),
        "counts.train",
    ),
    "other version": (verification(version=2), "version: Input should be 1"),
    "other file": ({"miou": 0.5}, "counts: Field required"),
    "unknown key": (verification(_target_="os.system"), "_target_: Extra inputs"),
    "names are numbers": (
        verification(quarantine={"train": [1, 2], "val": []}),
        "quarantine.train",
    ),
    "index as text": (verification(indices={"train": ["1", 2], "val": []}), "indices.train.0"),
    "negative index": (verification(indices={"train": [-1, 2], "val": []}), "indices.train.0"),
    "index beyond": (verification(indices={"train": [1, 4], "val": []}), "beyond its 4 samples"),
    "index twice": (verification(indices={"train": [1, 1], "val": []}), "do not fit"),
    "fewer indices": (verification(indices={"train": [1], "val": []}), "do not fit"),
    "sums": (verification(sound={"train": 3, "val": 1}), "do not add up to 4"),
    "splits": (verification(counts={"train": 4}), "different splits"),
    "a lone surrogate": ('{"format": "\\ud800"}', "Field required"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused_with_what_is_wrong(tmp_path, case):
    content, words = HOSTILE[case]
    path = write(tmp_path, content)
    with pytest.raises(DataError) as caught:
        read_quarantine(path)
    message = str(caught.value)
    assert words in message
    assert str(path) in message
    assert "task=verify" in message
    assert len(message.splitlines()) <= 7


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was executed",))


def test_no_pickle_is_executed(tmp_path):
    path = tmp_path / "verify.json"
    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(DataError, match="no valid JSON"):
        read_quarantine(path)


def test_missing_and_huge_files_and_folders_are_refused(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="not found"):
        read_quarantine(tmp_path / "none.json")
    with pytest.raises(DataError, match="found a directory"):
        read_quarantine(tmp_path)
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 10)
    with pytest.raises(DataError, match="at most 10 are read"):
        read_quarantine(write(tmp_path, verification()))


def test_subsets_keep_order_and_refuse_what_is_not_there(pairs):
    some = Subset(pairs, (3, 0, 3))
    assert [pair.name for pair in some.pairs] == ["d", "a", "d"]
    assert [some[index].name for index in range(len(some))] == ["d", "a", "d"]
    twice = Subset(some, [1])
    assert (twice[0].name, [pair.name for pair in twice.pairs]) == ("a", ["a"])
    assert np.array_equal(twice.read_label(0), pairs.read_label(0))
    with pytest.raises(IndexError, match="no sample 4 in a dataset of 4"):
        Subset(pairs, [4])
    with pytest.raises(IndexError):
        some[3]
