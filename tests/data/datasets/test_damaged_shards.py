"""Damage to a sharded copy is refused with the file's name."""

import json
import pickle

import pytest

from seg.data.datasets.shards import Shards
from seg.data.readers.shard_files import INDEX_FILE, LABELS_FILE
from seg.errors import DataError
from tests.data.datasets.sharded_noise import LABELS, Large, Noise, assert_equal, copied

pytest.importorskip("litdata")


@pytest.fixture
def whole(tmp_path):
    copied(Noise(), tmp_path)
    return tmp_path / "train"


def refused(folder):
    with pytest.raises(DataError) as caught:
        Shards(split="train", root=folder.parent)[0]
    return caught.value


def test_a_short_chunk_is_told(whole):
    chunk = whole / "chunk-0-0.bin"
    chunk.write_bytes(chunk.read_bytes()[:-1])
    assert refused(whole).fault == "truncated"
    chunk.unlink()
    assert refused(whole).fault == "missing"


@pytest.mark.parametrize("offset", [4, 8, 52, 60])
def test_damaged_sizes_are_told(whole, offset):
    chunk = whole / "chunk-0-0.bin"
    content = bytearray(chunk.read_bytes())
    content[offset : offset + 4] = b"\xff\xff\xff\x7f"
    chunk.write_bytes(content)
    error = refused(whole)
    assert error.fault == "damaged"
    assert "chunk-0-0.bin" in str(error)


def test_a_pixel_that_changed_is_told(whole):
    chunk = whole / "chunk-0-0.bin"
    content = bytearray(chunk.read_bytes())
    content[-1] ^= 1  # of the last label
    chunk.write_bytes(content)
    shards = Shards(split="train", root=whole.parent)
    assert_equal([shards[index] for index in range(10)], [Noise()[index] for index in range(10)])
    for reader in (shards, pickle.loads(pickle.dumps(shards))):
        with pytest.raises(DataError, match=r"chunk-0-0\.bin: .*sample 10: wrong checksum"):
            reader[10]


def test_samples_that_changed_places_are_told(tmp_path):
    copied(Large(), tmp_path)
    chunks = [tmp_path / f"train/chunk-0-{number}.bin" for number in range(2)]
    contents = [each.read_bytes() for each in chunks]
    for path, content in zip(chunks, reversed(contents), strict=True):
        path.write_bytes(content)
    assert "sample 0: wrong checksum" in str(refused(tmp_path / "train"))


def test_copies_of_old_have_no_checksums(whole):
    plain = json.loads((whole / LABELS_FILE).read_text())
    old = {key: plain[key] for key in plain if key not in ("checksums", "sha256")}
    (whole / LABELS_FILE).write_text(json.dumps(old))
    assert_equal([*Shards(split="train", root=whole.parent)], [Noise()[i] for i in range(11)])


@pytest.mark.parametrize(
    "change",
    [
        {"split": "val"},
        {"checksums": None},
        {"checksums": "00"},
        {"sha256": None},
        {"sha256": "0" * 64},
        {"labels": {**LABELS.to_dict(), "names": ["sky", "road", "cat"]}},
    ],
)
def test_labels_that_changed_are_told(whole, change):
    plain = json.loads((whole / LABELS_FILE).read_text())
    (whole / LABELS_FILE).write_text(json.dumps({**plain, **change}))
    error = refused(whole)
    assert error.fault == "damaged"
    assert "labels.json" in str(error)
    assert len(str(error).splitlines()) == 2


def test_an_index_of_another_copy_is_told(whole):
    index = whole / INDEX_FILE
    index.write_bytes(index.read_bytes().replace(b"numpy", b"bytes"))
    assert "it is not the one of labels.json" in str(refused(whole))


def test_labels_of_another_format_are_told(whole):
    plain = json.loads((whole / LABELS_FILE).read_text())
    (whole / LABELS_FILE).write_text(json.dumps({**plain, "format": 2}))
    assert "format 2, not 1" in str(refused(whole))
    (whole / LABELS_FILE).write_text("{")
    assert refused(whole).fault == "damaged"
