"""Whatever a file holds ends in a value, or in one short error that names file and remedy."""

import time

import numpy as np
import pytest

from seg.errors import DataError
from seg.io.csv_table import parse_csv, parse_numbers
from seg.io.json_file import parse_json, parse_json_lines, read_json
from seg.io.npz_file import read_npz
from seg.io.source import MAX_DEPTH, Source
from seg.io.yaml_file import read_yaml

SOURCE = Source("a.json", "card", "export it again")


def short(raised) -> str:
    """The message, which is of a few lines of bounded length."""
    text = str(raised.value)
    assert len(text.splitlines()) <= 6
    assert len(text) < 1000
    return text


def test_what_is_sound_is_read(tmp_path):
    assert parse_json(b'\xef\xbb\xbf{"a": [1, 2.5, null, "\\"[[{"]}', SOURCE) == {
        "a": [1, 2.5, None, '"[[{']
    }
    (tmp_path / "a.yaml").write_text("a: [1, 2.5]\nb: {c: 'x'}\nd: 2020-01-31\n")
    assert read_yaml(tmp_path / "a.yaml", "configuration")["b"] == {"c": "x"}
    assert parse_csv(b'a,b\r\n1,"x\ny"\r\n', SOURCE) == [(1, ["a", "b"]), (3, ["1", "x\ny"])]
    assert read_json(tmp_path / "none.json", "card", absent={}) == {}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "no valid JSON"),
        (b'"\xff"', "no valid JSON"),
        (b'{"a": 1, "a": 2}', "'a' occurs twice"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nested deeper"),
        (b'{"a":' * 5000, "nested deeper"),
        (b'["[' + b'\\"' * 200_000 + b"\\", "no valid JSON"),
        (b"[" + b"9" * 101 + b"]", "a number of 101 digits"),
        (b"[" + b"9" * 5000 + b"]", "a number of 5000 digits"),
        (b"[" + b'"x",' * 300 + b"\x00]", "no valid JSON"),
    ],
)
def test_damaged_json(content, why):
    begun = time.perf_counter()
    with pytest.raises(DataError, match=why) as raised:
        parse_json(content, SOURCE)
    assert short(raised).startswith("a.json: card is ")
    assert short(raised).endswith("export it again")
    assert time.perf_counter() - begun < 5


def test_brackets_within_text_are_no_depth():
    content = b'["' + b"[" * 500 + b'", "\\\\", "\\"' + b"{" * 500 + b'"]'
    assert parse_json(content, SOURCE)[0] == "[" * 500


def test_files_above_the_limit_are_not_read(tmp_path):
    path = tmp_path / "large.json"
    path.write_bytes(b"[1]")
    with path.open("r+b") as file:
        file.truncate(2**40)  # a hole: no room is taken
    with pytest.raises(DataError, match="too large") as raised:
        read_json(path, "card", max_bytes=2**20)
    assert str(path) in short(raised)
    with pytest.raises(DataError, match="found a directory"):
        read_json(tmp_path, "card", absent={})


def test_lines_that_are_sound_are_kept():
    content = b'{"a": 1}\n{"a": \n\n[2]\n\xff\n{"a": 3}\n{"a": 4}'
    assert parse_json_lines(content) == ([{"a": 1}, [2], {"a": 3}], 2)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: &x [1]\nb: *x\n", "an alias"),
        ("a: &x [*x]\n", "an alias"),
        ("a: !!python/object/apply:os.getcwd []\n", "a tag"),
        ("a: !!timestamp x\n", "a tag"),
        ("[" * 200, "no valid YAML"),
        ("- " * 200 + "x", "nested deeper"),
        ("a: " + "9" * 400, "an unquoted value"),
        ("a: " + ":".join(["1"] * 400), "an unquoted value"),
        ("a: 2020-13-45\n", "no valid YAML"),
        ("? [a]\n: 1\n", "no valid YAML"),
        ("a: \x01", "no valid YAML"),
        ("\ufeffa: [", "no valid YAML"),
    ],
)
def test_damaged_yaml(tmp_path, text, why):
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=why) as raised:
        read_yaml(path, "configuration", remedy="copy it")
    assert short(raised).startswith(f"{path}: configuration is damaged")


@pytest.mark.parametrize("content", [b'a,"b\n', b"a,b\xff\n", b'a"x",b\n"', b"a" * 2**21 + b"\n"])
def test_damaged_tables(content):
    try:
        rows = parse_csv(content, SOURCE)
    except DataError as error:
        assert len(str(error).splitlines()) <= 6
    else:
        assert rows == [(1, ["a" * 2**21])]


def test_rows_of_numbers_stand_alone():
    content = b'step,"val/iou/a,b",x\r\n1,0.5,\r\n2,0.\xff,3\r\n"3,4,5\r\n4,1\r\n5,nan,7\r\n6,1,1'
    header, rows, damaged = parse_numbers(content)
    assert header == ["step", "val/iou/a,b", "x"]
    assert [row["step"] for row in rows] == ["1", "5"]
    assert damaged == 3
    assert parse_numbers(b"") == ([], [], 0)
    assert parse_numbers(b"a,a\n1,2\n")[1:] == ([], 2)


def test_arrays_are_held_against_what_they_announce(tmp_path):
    arrays = {"a": np.arange(6, dtype=np.float32), "b": np.asfortranarray(np.eye(3, 2))}
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    content = (tmp_path / "a.npz").read_bytes()
    stored = read_npz(content, max_bytes=2**12)
    assert all((stored[key] == arrays[key]).all() for key in arrays)
    with pytest.raises(ValueError, match="more than 100 bytes"):
        read_npz(content, max_bytes=100)
    np.savez(tmp_path / "a.npz", a=np.array([{}], object))
    with pytest.raises(ValueError, match="not of numbers"):
        read_npz((tmp_path / "a.npz").read_bytes(), max_bytes=2**20)
    np.savez(tmp_path / "a.npz", a=np.zeros(6, np.float32))
    content = (tmp_path / "a.npz").read_bytes().replace(b"(6,)", b"(9,)")
    with pytest.raises(ValueError, match=r"CRC|announces"):
        read_npz(content, max_bytes=2**20)
