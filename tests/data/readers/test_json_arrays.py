"""The arrays of a JSON file, element by element, whatever part of the file is in memory."""

import json
import tracemalloc

import pytest

from seg.data.readers import json_arrays
from seg.data.readers.json_arrays import iter_elements, read_element
from seg.errors import DataError
from seg.io.source import Source

CONTENT = {
    "info": {"year": 2017, "a": [1, [2]]},
    "empty": [],
    "images": [{"name": "stra\u00dfe \u4e2d", "id": 1}, {"name": 'a"]},{\\', "id": 12345}],
    "numbers": [1, -2.5e3, True, None, "x", [[]], {}],
    "last": 12,
}


def source(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "a.json"
    path.write_bytes(text.encode(encoding))
    return Source(path, "annotation file")


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 2**20])
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_elements_are_those_of_the_json_library(tmp_path, monkeypatch, chunk, indent, ascii_only):
    monkeypatch.setattr(json_arrays, "_CHUNK_BYTES", chunk)
    text = json.dumps(CONTENT, indent=indent, ensure_ascii=ascii_only)
    file = source(tmp_path, text)
    elements = list(iter_elements(file))
    read = {key: [e.value for e in elements if e.array == key] for key in ("images", "numbers")}
    assert read == {key: CONTENT[key] for key in read}
    assert {each.array for each in elements} == set(read)
    with file.location.open("rb") as opened:
        for each in elements[:2]:
            assert read_element(opened, each.start, each.end, file) == each.value


def test_a_byte_order_mark_is_passed_over(tmp_path):
    elements = list(iter_elements(source(tmp_path, '{"a": [{"b": 1}]}', "utf-8-sig")))
    assert [(each.start, each.end, each.value) for each in elements] == [(10, 18, {"b": 1})]


@pytest.mark.parametrize("text", ["{}", " { } \n", '{"a": {}}'])
def test_objects_without_arrays_have_no_elements(tmp_path, text):
    assert list(iter_elements(source(tmp_path, text))) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"is empty \(no content\)"),
        ("[1]", "line 1, byte 0: '{' expected, not '\\['"),
        ('{"a": [1,\n2,\n', "line 3, byte 13: Expecting value"),
        ('{"a": [1\n 2]}', "line 2, byte 10: ',' or ']' expected, not '2'"),
        ('{"a": [{"b": 1, "b": 2}]}', "key 'b' occurs twice"),
        ('{"a": [1], "a": [2]}', "key 'a' occurs twice"),
        ('{"a": ["x', "Unterminated string"),
        ('{"a": 1} {', "more follows the object"),
        ('{"a": 1', "'the end'"),
        ('{"a": [' + 10**5 * "[", "maximum recursion depth"),
        ('{"a": [' + 5000 * "9" + "]}", "4300 digits"),
    ],
)
def test_what_is_no_json_is_named_with_its_line(tmp_path, text, message):
    with pytest.raises(DataError, match=message) as caught:
        list(iter_elements(source(tmp_path, text)))
    assert str(tmp_path / "a.json") in str(caught.value)


def test_what_is_no_utf8_is_named(tmp_path):
    with pytest.raises(DataError, match="not UTF-8"):
        list(iter_elements(source(tmp_path, '{"a": [{"b": "\xe4"}]}', "latin-1")))


def test_an_element_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(json_arrays, "MAX_ELEMENT_BYTES", 1000)
    monkeypatch.setattr(json_arrays, "_CHUNK_BYTES", 100)
    many = json.dumps({"a": 1000 * ["x" * 80]})
    assert len(list(iter_elements(source(tmp_path, many)))) == 1000
    with pytest.raises(DataError, match="more than 1000 bytes or no end") as caught:
        list(iter_elements(source(tmp_path, json.dumps({"a": ["x" * 5000]}))))
    assert caught.value.fault == "too_large"


def test_missing_and_oversized_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="annotation file not found"):
        list(iter_elements(Source(tmp_path / "none.json", "annotation file")))
    large = source(tmp_path, "{}").location
    with pytest.raises(DataError, match="too large: 2 bytes"):
        list(iter_elements(Source(large, "annotation file", max_bytes=1)))


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path):
    element = json.dumps({"numbers": list(range(2100))})
    file = source(tmp_path, '{"a": [' + ",".join(1500 * [element]) + "]}")
    assert file.location.stat().st_size > 16 * 2**20
    tracemalloc.start()
    assert sum(len(each.value["numbers"]) for each in iter_elements(file)) == 3_150_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20
