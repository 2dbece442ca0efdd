"""Sharded copies are whole or not there, and written by litdata without any word to the web."""

import json
import os
import subprocess
import sys
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.camvid import CamVid
from seg.data.datasets.shards import Shards
from seg.data.label_space import LabelSpace
from seg.data.readers.shard_files import Copy
from seg.dataset_tools.shards import MAX_CHUNK_MIB, write_shards
from seg.errors import ConfigError, DataError
from seg.io.atomic import staged_directory

REPO = Path(__file__).resolve().parents[2]


def plant(root, names=("a", "b", "c"), value=10):
    for folder in ("train", "trainannot"):
        (root / folder).mkdir(parents=True)
    for number, name in enumerate(names):
        Image.new("RGB", (5, 4), (value, number, 3)).save(root / f"train/{name}.png")
        ids = np.full((4, 5), number, np.uint8)
        Image.fromarray(ids).save(root / f"trainannot/{name}.png")
    return CamVid(split="train", root=root)


@pytest.fixture(autouse=True)
def litdata():
    return pytest.importorskip("litdata")


@pytest.fixture
def original(tmp_path):
    return plant(tmp_path / "camvid")


def copied(dataset, output, **choices):
    options = {"split": "train", "num_workers": 0, "chunk_mib": 1, "progress": lambda: None}
    return write_shards(dataset, output, **{**options, **choices})


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_copy_holds_what_the_original_does(original, tmp_path, num_workers):
    calls = []
    summary = copied(
        original, tmp_path / "out", num_workers=num_workers, progress=lambda: calls.append(1)
    )
    assert len(calls) == 3
    assert (summary.samples, summary.chunks, summary.reused) == (3, 1, False)
    assert summary.location == str(tmp_path / "out/train")
    assert {path.name for path in (tmp_path / "out/train").iterdir()} == {
        *("chunk-0-0.bin", "index.json", "labels.json")
    }
    assert (tmp_path / "out/train/chunk-0-0.bin").stat().st_size == summary.size_bytes
    shards = Shards(split="train", root=tmp_path / "out")
    assert shards.labels.to_dict() == original.labels.to_dict()
    for sample, expected in zip(shards, original, strict=True):
        assert sample.name == expected.name
        np.testing.assert_array_equal(sample.image, expected.image)
        np.testing.assert_array_equal(sample.label, expected.label)


def test_the_digest_is_of_the_samples_alone(original, tmp_path):
    one = copied(original, tmp_path / "one")
    two = copied(original, tmp_path / "two", num_workers=2, chunk_mib=9)
    other = copied(plant(tmp_path / "other", value=11), tmp_path / "three")
    renamed = copied(plant(tmp_path / "renamed", names=("a", "b", "d")), tmp_path / "four")
    assert one.digest == two.digest
    assert len({one.digest, other.digest, renamed.digest}) == 3
    plain = json.loads((tmp_path / "one/train/labels.json").read_text())
    assert (plain["split"], plain["samples"], plain["digest"]) == ("train", 3, one.digest)
    assert LabelSpace.from_dict(plain["labels"]) == original.labels


def test_the_same_copy_is_kept_and_another_refused(original, tmp_path):
    written = copied(original, tmp_path / "out")
    chunk = tmp_path / "out/train/chunk-0-0.bin"
    state = chunk.stat()
    kept = copied(original, tmp_path / "out")
    assert kept.reused
    assert kept.digest == written.digest
    assert chunk.stat().st_mtime_ns == state.st_mtime_ns
    with pytest.raises(ConfigError, match="holds a copy of other samples"):
        copied(plant(tmp_path / "other", value=11), tmp_path / "out")
    assert chunk.stat().st_mtime_ns == state.st_mtime_ns


def test_a_copy_with_wrong_bytes_is_not_kept(original, tmp_path):
    copied(original, tmp_path / "out")
    chunk = tmp_path / "out/train/chunk-0-0.bin"
    content = bytearray(chunk.read_bytes())
    content[-1] ^= 1
    chunk.write_bytes(content)
    with pytest.raises(ConfigError, match="or a damaged one"):
        copied(original, tmp_path / "out")


def test_a_name_that_is_no_text_is_refused(tmp_path):
    plant(tmp_path / "camvid")
    for path in [*(tmp_path / "camvid").rglob("c.png")]:
        path.rename(path.with_name("\udcff.png"))
    with pytest.raises(DataError, match="the name is not UTF-8"):
        copied(CamVid(split="train", root=tmp_path / "camvid"), tmp_path / "out")


def test_splits_lie_side_by_side(original, tmp_path):
    copied(original, tmp_path / "out")
    copied(original, tmp_path / "out", split="val")
    assert len(Shards(split="val", root=tmp_path / "out")) == 3


def test_a_copy_that_failed_is_not_there(original, tmp_path):
    (tmp_path / "camvid/train/c.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"c\.png"):
        copied(original, tmp_path / "out")
    assert [*(tmp_path / "out").iterdir()] == []
    assert not copied(plant(tmp_path / "new"), tmp_path / "out").reused


def test_what_a_killed_process_left_is_removed(original, tmp_path):
    (tmp_path / "out").mkdir()
    with (
        pytest.raises(KeyboardInterrupt),
        staged_directory(tmp_path / "out/train", alone=True) as at,
    ):
        left = at
        raise KeyboardInterrupt
    earlier = tmp_path / "out/.train.partial"  # as earlier versions called it
    for directory in (left, earlier):
        directory.mkdir()
        (directory / "chunk-0-7.bin").write_bytes(b"half")
    os.utime(earlier, (0, 0))
    assert copied(original, tmp_path / "out").chunks == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["train"]
    assert not (tmp_path / "out/train/chunk-0-7.bin").exists()


def test_a_folder_with_something_else_is_refused(original, tmp_path):
    (tmp_path / "out/train").mkdir(parents=True)
    (tmp_path / "out/train/holiday.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="not empty"):
        copied(original, tmp_path / "out")


def test_a_name_that_is_a_file_here_stays_a_name(tmp_path, monkeypatch):
    dataset = plant(tmp_path / "camvid")
    (tmp_path / "a").write_bytes(b"not the name")
    monkeypatch.chdir(tmp_path)
    copied(dataset, tmp_path / "out")
    assert Shards(split="train", root=tmp_path / "out")[0].name == "a"


def test_wrong_choices_are_refused(original, tmp_path):
    for chunk_mib in (0, MAX_CHUNK_MIB + 1):
        with pytest.raises(ConfigError, match=r"chunk_mib.*allowed: 1 to 2048"):
            copied(original, tmp_path / "out", chunk_mib=chunk_mib)
    with pytest.raises(ConfigError, match=r"split '\.\./up'"):
        copied(original, tmp_path / "out", split="../up")


def test_without_litdata_the_remedy_is_told(original, tmp_path, monkeypatch):
    for module in ("litdata", "litdata.streaming.serializers", "litdata.streaming.writer"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=r"pip install 'seg-xception\[shards\]'"):
        copied(original, tmp_path / "out")


@pytest.fixture
def store(monkeypatch, tmp_path):
    monkeypatch.setenv("SEG_CACHE", str(tmp_path / "cache"))
    store = fsspec.filesystem("memory")
    yield store
    if store.exists("/bucket"):
        store.rm("/bucket", recursive=True)


def test_an_object_store_is_written_labels_last(original, store):
    summary = copied(original, "memory://bucket/copy")
    assert summary.location == "memory://bucket/copy/train"
    paths = sorted(store.ls("/bucket/copy/train", detail=True), key=lambda each: each["created"])
    assert [Path(path["name"]).name for path in paths] == [
        *("chunk-0-0.bin", "index.json", "labels.json")
    ]
    shards = Shards(split="train", root="memory://bucket/copy")
    assert [sample.name for sample in shards] == ["a", "b", "c"]
    assert copied(original, "memory://bucket/copy").reused


def test_an_unfinished_copy_in_a_store_is_written_again(original, store):
    digest = copied(original, "memory://bucket/copy").digest
    store.rm("/bucket/copy/train/labels.json")
    summary = copied(original, "memory://bucket/copy")
    assert (summary.reused, summary.digest) == (False, digest)
    assert Copy.read("memory://bucket/copy/train").samples == 3


def test_a_store_that_cannot_be_reached_is_told(original):
    with pytest.raises(DataError, match="nowhere://"):
        copied(original, "nowhere://bucket/copy")


SILENT = """
import socket, sys
from pathlib import Path

connect = socket.socket.connect

def refuse(*arguments):
    raise AssertionError(f"asked the web: {arguments}")

def connect_here(self, address):
    connect(self, address) if self.family == socket.AF_UNIX else refuse(address)

socket.socket.connect = connect_here
socket.getaddrinfo = refuse
from seg.data.datasets.camvid import CamVid
from seg.data.datasets.shards import Shards
from seg.dataset_tools.shards import write_shards
if __name__ == "__main__":
    original = CamVid(split="train", root="camvid")
    write_shards(
        original, "out", split="train", num_workers=2, chunk_mib=1, progress=lambda: None
    )
    print([sample.name for sample in Shards(split="train", root="out")])
    print(sorted(path.name for path in Path.home().iterdir()))
"""


@pytest.mark.slow
def test_nothing_is_sent_or_left_in_the_home_folder(original, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "script.py").write_text(SILENT)
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env={"HOME": str(tmp_path / "home"), "PYTHONPATH": str(REPO), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["['a', 'b', 'c']", "[]"]
    entries = {path.name for path in tmp_path.iterdir()}
    assert entries == {"camvid", "home", "out", "script.py"}
