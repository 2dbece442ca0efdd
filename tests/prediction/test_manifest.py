"""The manifest tells what is done, and by which choices."""

import json
import subprocess
import sys

import pytest

from seg.errors import ConfigError, DataError
from seg.prediction.items import Item
from seg.prediction.manifest_entries import done_record, failed_entry, file_mark
from tests.prediction.opened_manifest import HEADER, opened

ITEMS = [Item(f"{n}", f"in/{n}.png", version="1") for n in range(4)]


def add(manifest, output, item):
    path = output / f"{item.name}.png"
    path.write_bytes(b"x" * 5)
    files = {path.name: file_mark(path)}
    manifest.append(done_record(item, size=(2, 1), files=files, parts={}))


def test_a_second_call_knows_what_is_done(tmp_path):
    with opened(tmp_path) as manifest:
        assert not manifest.is_done(ITEMS[0])
        add(manifest, tmp_path, ITEMS[0])
        add(manifest, tmp_path, ITEMS[1])
        manifest.append(failed_entry(ITEMS[2], "bad"))
    with opened(tmp_path) as manifest:
        assert [manifest.is_done(item) for item in ITEMS] == [True, True, False, False]
        (tmp_path / "1.png").unlink()
        assert not manifest.is_done(ITEMS[1])
        assert not manifest.is_done(Item("0", "in/0.png", version="2"))
        before = (tmp_path / "manifest.jsonl").read_bytes()
        manifest.append(failed_entry(ITEMS[2], "bad"))
        assert (tmp_path / "manifest.jsonl").read_bytes() == before
    with opened(tmp_path, skip_existing=False) as manifest:
        assert not manifest.is_done(ITEMS[0])


def test_a_line_that_was_cut_off_does_not_count(tmp_path):
    with opened(tmp_path) as manifest:
        add(manifest, tmp_path, ITEMS[0])
        whole = (tmp_path / "manifest.jsonl").read_bytes()
        add(manifest, tmp_path, ITEMS[1])
    path = tmp_path / "manifest.jsonl"
    for cut in (1, 20, len(whole) + 1):
        path.write_bytes(whole + b'{"name":"1","sou' if cut == 1 else path.read_bytes()[:-cut])
        with opened(tmp_path) as manifest:
            add(manifest, tmp_path, ITEMS[3])
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert lines[0]["checkpoint_sha256"] == "ab"
        assert lines[-1]["name"] == "3"


def test_marks_are_size_and_digest(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4
    assert file_mark(tmp_path / "x") == {"bytes": 3, "sha256": digest}


@pytest.mark.parametrize("shard", [0, 1])
def test_other_choices_are_refused_with_both_sides(tmp_path, shard):
    with opened(tmp_path, shard=0, num_shards=2):
        pass
    other = {**HEADER, "inference": {"window": [5, 6]}, "checkpoint_sha256": "cd"}
    with pytest.raises(ConfigError) as refused:
        opened(tmp_path, header=other, shard=shard, num_shards=2)
    for part in (
        "inference.window: there [3, 4], now [5, 6]",
        "there ab, now cd",
        "another output",
    ):
        assert part in str(refused.value)
    with opened(tmp_path, header=other, shard=shard, num_shards=2, skip_existing=False):
        pass
    with opened(tmp_path, header=other):
        pass


def test_shards_read_each_others_manifests(tmp_path):
    with opened(tmp_path, shard=0, num_shards=2) as first:
        add(first, tmp_path, ITEMS[0])
        with opened(tmp_path, shard=1, num_shards=2) as second:
            add(second, tmp_path, ITEMS[1])
        assert set(first.all_records()) == {"0", "1"}
    with opened(tmp_path) as whole:
        assert whole.is_done(ITEMS[0])
        assert whole.is_done(ITEMS[1])


def test_lines_are_sorted_at_the_end(tmp_path):
    contents = []
    for order in ([2, 0, 1, 0], [0, 1, 2]):
        output = tmp_path / str(len(contents))
        with opened(output) as manifest:
            for position in order:
                item = ITEMS[position]
                add(manifest, output, Item(item.name, item.source, version="0"))
                add(manifest, output, item)
            manifest.sort(ITEMS)
        contents.append((output / "manifest.jsonl").read_bytes())
    assert contents[0] == contents[1]
    assert len(contents[0].splitlines()) == 4


def test_two_processes_do_not_share_a_manifest(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.prediction.opened_manifest import opened\n"
        "try: opened(Path(sys.argv[1]))\n"
        "except ValueError as error: print(error)"
    )
    with opened(tmp_path):
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
        )
    assert "another process is at work there" in done.stdout


def test_damaged_lines_cost_their_items_alone(tmp_path, caplog):
    with opened(tmp_path) as manifest:
        for item in ITEMS:
            add(manifest, tmp_path, item)
    path = tmp_path / "manifest.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b'"bytes":5', b'"bytes":7')  # valid JSON, another size
    lines[3] = lines[3][:20] + b"\xff" + lines[3][21:]
    path.write_bytes(b"".join(lines))
    with opened(tmp_path) as manifest:
        assert [manifest.is_done(item) for item in ITEMS] == [False, True, False, True]
        assert "2 damaged lines are left out; their items are done again" in caplog.text
        add(manifest, tmp_path, ITEMS[0])
        add(manifest, tmp_path, ITEMS[2])
        manifest.sort(ITEMS)
    caplog.clear()
    with opened(tmp_path) as manifest:
        assert all(map(manifest.is_done, ITEMS))
    assert not caplog.text


def test_a_damaged_first_line_is_no_licence_to_overwrite(tmp_path):
    with opened(tmp_path) as manifest:
        add(manifest, tmp_path, ITEMS[0])
    path = tmp_path / "manifest.jsonl"
    damaged = path.read_bytes().replace(b'"ab"', b'"xb"')
    path.write_bytes(damaged)
    with pytest.raises(DataError, match="skip_existing=false") as raised:
        opened(tmp_path)
    assert str(path) in str(raised.value)
    assert path.read_bytes() == damaged
    with opened(tmp_path, skip_existing=False) as manifest:
        assert not manifest.is_done(ITEMS[0])


def test_a_manifest_of_before_the_checksums_goes_on(tmp_path):
    with opened(tmp_path) as manifest:
        for item in ITEMS[:3]:
            add(manifest, tmp_path, item)
    path = tmp_path / "manifest.jsonl"
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    for line in lines:
        assert line.pop("crc32") > 0
    lines[2]["files"] = {"../1.png": lines[2]["files"]["1.png"]}
    lines[3]["size"] = "2 x 1"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with opened(tmp_path) as manifest:
        assert [manifest.is_done(item) for item in ITEMS] == [True, False, False, False]
        add(manifest, tmp_path, ITEMS[3])
    with opened(tmp_path) as manifest:
        assert [manifest.is_done(item) for item in ITEMS] == [True, False, False, True]


INTRUDER = """
import sys
from pathlib import Path
from seg.errors import ConfigError
from seg.prediction.manifest import Manifest
print("begun", flush=True)
while True:
    try:
        Manifest(Path(sys.argv[1]), {})
    except ConfigError as error:
        assert "another process is at work there" in str(error), error
    else:
        sys.exit("came in")
"""


def test_nobody_comes_in_while_it_is_sorted(tmp_path):
    with opened(tmp_path, header={}) as manifest:
        line = [sys.executable, "-c", INTRUDER, str(tmp_path)]
        intruder = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
        assert intruder.stdout.readline() == "begun\n"
        for version in map(str, range(100)):
            add(manifest, tmp_path, Item("1", "in/1.png", version=version))
            add(manifest, tmp_path, Item("0", "in/0.png", version=version))
            manifest.sort(ITEMS)
        assert intruder.poll() is None
        intruder.kill()
        intruder.communicate()
    assert [path.name for path in tmp_path.glob("*.jsonl")] == ["manifest.jsonl"]
    with opened(tmp_path, header={}) as manifest:
        assert manifest.is_done(Item("1", "in/1.png", version="99"))


def test_its_lock_outlasts_other_handles_and_its_sorting(tmp_path):
    path = tmp_path / "manifest.jsonl"
    with opened(tmp_path) as manifest:
        add(manifest, tmp_path, ITEMS[1])
        add(manifest, tmp_path, ITEMS[0])
        for _ in range(2):
            before = path.read_bytes()  # by a handle that is closed again
            with pytest.raises(ConfigError, match="another process is at work there"):
                opened(tmp_path)
            manifest.sort(ITEMS)
        assert path.read_bytes() == before
    with opened(tmp_path) as manifest:
        assert manifest.is_done(ITEMS[0])
        assert manifest.is_done(ITEMS[1])
