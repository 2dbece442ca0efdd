"""Class files: each form, each mistake told with its entry."""

import json

import numpy as np
import pytest
from PIL import Image

from seg.data.readers.class_table import distinct_palette, find_classes, read_classes
from seg.data.readers.shape_classes import shape_classes
from seg.errors import ConfigError, DataError


@pytest.fixture
def read(tmp_path):
    def read(content):
        path = tmp_path / "classes.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return read_classes(path)

    return read


def test_names_have_the_ids_of_their_positions(read):
    labels = read(["road", "car"]).labels
    assert labels.names == ("road", "car")
    assert labels.file_ids == ((0, 0), (1, 1), (255, 255))


def test_names_with_colors(read):
    classes = read({"road": [128, 64, 128], "car": [0, 0, 142]})
    assert classes.labels.palette == ((128, 64, 128), (0, 0, 142))
    assert classes.labels.file_ids == ((0, 0), (1, 1), (255, 255))


def test_names_by_id(read):
    labels = read({"10": "car", "2": "road"}).labels
    assert labels.names == ("road", "car")
    assert labels.file_ids == ((2, 0), (10, 1), (255, 255))


def test_entries_say_ids_colors_and_what_is_ignored(read):
    classes = read(
        [
            {"name": "car", "id": 26, "color": [0, 0, 142]},
            {"name": "void", "id": 0, "color": [0, 0, 0], "ignore": True},
            {"name": "sky", "id": 255, "color": [70, 130, 180]},
        ]
    )
    assert classes.labels.names == ("car", "sky")
    assert classes.labels.file_ids == ((0, 255), (26, 0), (255, 1))
    assert classes.labels.palette == ((0, 0, 142), (70, 130, 180))


def test_colors_become_ids_ignored_ones_too(read, tmp_path):
    classes = read(
        [
            {"name": "void", "color": [0, 0, 0], "ignore": True},
            {"name": "car", "color": [0, 0, 142]},
            {"name": "ego", "color": [0, 0, 0], "ignore": True},
            {"name": "sky", "color": [70, 130, 180]},
        ]
    )
    pixels = np.array([[[0, 0, 0], [0, 0, 142]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    file_label = classes.color_labels()(tmp_path / "a.png")
    assert classes.labels.encode(file_label, "a").tolist() == [[255, 0]]


def test_colors_must_tell_classes_apart(read):
    with pytest.raises(DataError, match="'road' and 'car' have one color"):
        read({"road": [1, 2, 3], "car": [1, 2, 3]}).color_labels()
    with pytest.raises(DataError, match="gives 'road' none"):
        read(["road", "car"]).color_labels()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([], "holds no classes"),
        ("road", "no valid JSON"),
        ('{"road": [1, 2, 3], "road": [4, 5, 6]}', "'road' occurs twice"),
        (["road", "car", "road"], "name 'road' occurs twice"),
        (["road", 7], "entry 0 is 'road'"),
        (["road", " "], "entry 1: name is ' '"),
        ({"road": [1, 2]}, r"entry 'road': color is \[1, 2\]"),
        ({"road": [1, 2, 256]}, "each 0 to 255"),
        ({"road": [1, 2, True]}, "entry 'road': color"),
        ({"a": "road"}, "key 'a' is no id"),
        ({"70000": "road"}, "id is 70000"),
        ([{"id": 1}], "entry 0: name is None"),
        ([{"name": "road", "colour": [1, 2, 3]}], "entry 0 has the key 'colour'"),
        ([{"name": "road", "id": True}], "entry 'road': id is True"),
        ([{"name": "road", "id": -1}], "entry 'road': id is -1"),
        ([{"name": "road", "ignore": 1}], "entry 'road': ignore is 1"),
        ([{"name": "road", "id": 1}, {"name": "car"}], "entry 'car' has no id"),
        ([{"name": "road", "id": 1}, {"name": "car", "id": 1}], "'road' and 'car' have one id, 1"),
        ([{"name": "road", "color": [1, 2, 3]}, {"name": "car"}], "entry 'car' has no color"),
        ([{"name": "road", "ignore": True}], "0 classes to train"),
        (["road"], "'road' is the only class to train; two or more are needed"),
        ([str(number) for number in range(65536)], "65536 classes to train; more than 65535"),
    ],
)
def test_mistakes_are_told(read, content, told):
    with pytest.raises(DataError, match=told):
        read(content)


def test_a_named_file_must_exist_and_a_default_need_not(tmp_path):
    assert find_classes(None, tmp_path) is None
    with pytest.raises(ConfigError, match=r"dataset\.classes="):
        find_classes(tmp_path / "other.json", None)
    (tmp_path / "classes.json").write_text('["road", "car"]')
    assert find_classes(None, tmp_path).labels.names == ("road", "car")


def test_the_palette_is_distinct_and_never_black():
    palette = distinct_palette(255)
    assert len(set(palette)) == 255
    assert (0, 0, 0) not in palette
    assert palette[:3] == distinct_palette(3)
    nearest = min(
        np.abs(np.subtract(a, b)).sum() for n, a in enumerate(palette[:20]) for b in palette[:n]
    )
    assert nearest > 30


def test_a_text_file_has_one_name_a_line(tmp_path):
    for name, content in (
        ("a.txt", "background\nroad wet\ncar\n\n"),
        ("b.TXT", "\ufeff__ignore__\r\nbackground\r\nroad wet\r\ncar"),
    ):
        path = tmp_path / name
        path.write_bytes(content.encode())
        labels = read_classes(path).labels
        assert labels.names == ("background", "road wet", "car")
        assert labels.file_ids == ((0, 0), (1, 1), (2, 2), (255, 255))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("road\n\ncar", "line 2: it is empty"),
        ("# names\nroad\ncar", "line 1: '# names' is no class"),
        ("names: [road, car]", r"line 1: 'names: \[road, car\]' is no class"),
        ("item { id: 1 name: 'road' }\nitem { id: 2 name: 'car' }", "line 1: .* is no class"),
        ("64 128 64\tAnimal\n0 0 192\tRoad", "numbers beside names"),
        ("road,car", "write one name a line"),
        ("background:0,0,0::\nroad:::", "road have no color and others have"),
        ("background:0,0,0::\nroad:0,0,300::", "line 2: .* is not name:red,green,blue"),
        ("road\nroad", "'road' occurs twice"),
        ("1 road\n2 car", "numbers beside names"),
        ("road 1 2 3\ncar 4 5 6", "numbers beside names"),
        ("road", "only class"),
        ("\n", "0 classes"),
    ],
)
def test_mistakes_in_text_files_are_told(tmp_path, content, told):
    (tmp_path / "classes.txt").write_text(content)
    with pytest.raises(DataError, match=told):
        find_classes(None, tmp_path)


def test_json_goes_before_text(tmp_path):
    (tmp_path / "classes.txt").write_text("stage 1\nstage 2")
    assert find_classes(None, tmp_path).labels.names == ("stage 1", "stage 2")
    (tmp_path / "classes.json").write_text('["a", "b"]')
    assert find_classes(None, tmp_path).labels.names == ("a", "b")


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfsky\r\nroad \r\n\tcar\r\n\r\n",
        b"sky:::\nroad:::\ncar:::\n",
        b"__ignore__\nsky\nroad\ncar",
    ],
)
def test_text_files_of_other_systems_and_label_maps_without_colors(tmp_path, content):
    (tmp_path / "classes.txt").write_bytes(content)
    classes = find_classes(None, tmp_path)
    assert classes.labels.names == ("sky", "road", "car")
    assert classes.labels.file_ids == ((0, 0), (1, 1), (2, 2), (255, 255))
    assert all(entry.color is None for entry in classes.entries)


def test_a_label_map_gives_names_and_colors(tmp_path):
    path = tmp_path / "labelmap.txt"
    path.write_text("# label:color_rgb:parts:actions\nsky:1,2,3::\n\nroad: a:4,5,6:lane:drive\n")
    classes = read_classes(path)
    assert classes.labels.names == ("sky", "road: a")
    assert classes.labels.palette == ((1, 2, 3), (4, 5, 6))


@pytest.mark.parametrize(
    ("content", "ids", "palette"),
    [
        ("Pixel Value, Class\n0, background\n3, car\n", (0, 3), None),
        ("name,r,g,b\nbackground,0,0,0\ncar,64,0,128\n", (0, 1), ((0, 0, 0), (64, 0, 128))),
        ("id,name,red,green,blue\r\n7,car,1,2,3\r\n2,sky,4,5,6\r\n", (7, 2), None),
        ("class\nbackground\ncar\n", (0, 1), None),
    ],
)
def test_tables_of_classes(tmp_path, content, ids, palette):
    path = tmp_path / "_classes.csv"
    path.write_bytes(content.encode())
    classes = read_classes(path)
    assert tuple(entry.id for entry in classes.entries) == ids
    assert classes.entries[content.startswith("id") - 1].name == "car"
    assert palette in (None, classes.labels.palette)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a,b\n1,2\n", "line 1: the columns are 'a, b'"),
        ("name,r,g\ncar,1,2\n", "line 1: the columns are"),
        ("name,id\ncar\n", "line 2: 1 cells, not 2"),
        ("name,id\ncar,x\nsky,1", "line 2: id is 'x'"),
        ("name,r,g,b\ncar,1,2,256\n", "line 2: a color is three numbers"),
    ],
)
def test_mistakes_in_tables_of_classes_are_told(tmp_path, content, told):
    path = tmp_path / "classes.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=told):
        read_classes(path)


def test_hexadecimal_colors(read):
    classes = read({"sky": "#0a0B0c", "road": "#ff0000"})
    assert classes.labels.palette == ((10, 11, 12), (255, 0, 0))
    entries = [{"name": "sky", "color": "#000000"}, {"name": "road", "color": [1, 2, 3]}]
    assert read(entries).labels.palette == ((0, 0, 0), (1, 2, 3))


@pytest.mark.parametrize("name", ["a\nb", "a\rb", "a\u2028b"])
@pytest.mark.parametrize("kind", [list, dict])
def test_a_name_of_several_lines_is_refused(read, name, kind):
    names = {"road": [128, 64, 128], name: [0, 0, 142]}
    with pytest.raises(DataError, match=r"classes\.json: class name 'a.*b': give it in one line"):
        read(kind(names))


def test_ignored_shapes_have_ids_beyond_many_classes():
    names = [f"thing {number}" for number in range(300)]
    labels = shape_classes(names, ["void"], "ignored", "here").labels
    assert labels.num_classes == 300
    assert dict(labels.file_ids) == {**{at: at for at in range(300)}, 300: 65535, 65535: 65535}
    few = shape_classes(names[:255], ["void"], "ignored", "here").labels
    assert dict(few.file_ids) == {**{at: at for at in range(255)}, 255: 255, 256: 255}


def test_many_classes_have_different_colors():
    palette = distinct_palette(20_000)
    assert len(set(palette)) == 20_000
    assert palette[:300] == distinct_palette(300)
    assert (0, 0, 0) not in palette
