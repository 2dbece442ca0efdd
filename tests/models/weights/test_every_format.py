"""What every weight format and every key map promises, a new one included."""

import importlib
import pkgutil

import pytest

from seg.models.weights import key_maps as package
from seg.models.weights.format import WeightFormat, readable_formats
from seg.models.weights.key_maps import KeyMap

FORMATS, KEY_MAPS = readable_formats(), package._key_maps()


def test_names_and_descriptions_are_told_apart():
    assert len({each.name for each in FORMATS}) == len(FORMATS)
    assert len({each.description for each in (*FORMATS, *KEY_MAPS)}) == len((*FORMATS, *KEY_MAPS))


@pytest.mark.parametrize("weight_format", FORMATS, ids=lambda each: each.name)
def test_a_format_recognises_no_other_files(weight_format, tmp_path):
    """Neither by an error, as all formats are asked for any file."""
    assert isinstance(weight_format, WeightFormat)
    (tmp_path / "notes.txt").write_text("no weights")
    (tmp_path / "empty").touch()
    (tmp_path / "directory").mkdir()
    for name in ("notes.txt", "empty", "directory", "missing", "missing.unknown"):
        assert not weight_format.recognises(tmp_path / name), name


@pytest.mark.parametrize("key_map", KEY_MAPS, ids=lambda each: each.description)
def test_a_key_map_leaves_other_projects_alone(key_map):
    assert isinstance(key_map, KeyMap)
    for names in ([], ["stage.0.weight", "stage.0.bias"], ["encoder.x.weight"]):
        assert not key_map.rename(names), names


def test_each_file_of_the_package_declares_a_key_map():
    names = {module.name for module in pkgutil.iter_modules(package.__path__)}
    declared = {importlib.import_module(f"{package.__name__}.{name}").KEY_MAP for name in names}
    assert declared == set(KEY_MAPS)
