"""`import seg`: the names, their examples, and what they give beside the commands."""

import doctest
import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import seg
from seg.errors import ConfigError
from tests import conftest

PAGE = conftest.REPO / "docs" / "python.md"


@pytest.fixture
def place(small_run, tmp_path, monkeypatch):
    """A working directory with a run and an image, as the examples name them."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mine").symlink_to(small_run)
    (tmp_path / "images").mkdir()
    shutil.copy(small_run / "predictions.png", tmp_path / "images" / "street.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", seg.__all__)
def test_its_example_runs(name, place):
    found = doctest.DocTestFinder(recurse=False).find(getattr(seg, name), name, globs={})
    assert [each for test in found for each in test.examples], "has no example"
    runner = doctest.DocTestRunner(optionflags=doctest.REPORT_NDIFF)
    for test in found:
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


def test_the_list_is_the_whole_of_it():
    assert sorted(seg.__all__) == seg.__all__ == sorted(seg._HOMES)
    assert set(dir(seg)) == {*seg.__all__, "__version__"}
    with pytest.raises(AttributeError, match="it offers LabelSpace, create_dataset"):
        _ = seg.nothing_of_this_name
    page = PAGE.read_text()
    assert all(f"`seg.{name}(" in page or f"`seg.{name}`" in page for name in seg.__all__)


def test_commands_of_the_same_name_do_not_take_its_place():
    for name in ("evaluate", "predict"):
        module = importlib.import_module(f"seg.{name}")
        assert callable(module.main)
        assert getattr(seg, name).__module__ == seg._HOMES[name]


def test_names_load_no_more_than_they_need():
    code = "import sys, seg; seg.LabelSpace, seg.list_datasets(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_evaluate_gives_the_scores_of_the_command(place):
    done = conftest.seg("evaluate", "checkpoint=runs/mine", "hydra.run.dir=typed", cwd=place)
    assert done.returncode == 0, done.stderr
    scores = seg.evaluate("runs/mine", output=place / "called")
    for kept in ("typed", "called"):
        stored = json.loads((place / kept / "metrics.json").read_text())
        assert {key: stored[key] for key in scores} == scores


def test_predict_writes_the_files_of_the_command(place):
    line = ("checkpoint=runs/mine", "input=images", "output=typed", "values=index")
    done = conftest.seg("predict", *line, cwd=place)
    assert done.returncode == 0, done.stderr
    files = seg.predict("runs/mine", Path("images"), Path("called"), values="index")
    assert files == ["called/street.png", "called/street_overlay.png"]
    for file in map(Path, files):
        assert file.read_bytes() == (place / "typed" / file.name).read_bytes()
    assert seg.predict("runs/mine", "images", "called", values="index") == files


def test_wrong_arguments_are_told_as_typed_ones(place):
    with pytest.raises(ConfigError, match=r"inference=slide: no such option; allowed: .*whole"):
        seg.evaluate("runs/mine", inference="slide")
    with pytest.raises(ConfigError, match="opacity: no such key"):
        seg.predict("runs/mine", "images", "out", opacity=1)
    with pytest.raises(
        ConfigError, match=r"dataset=street: no such option; .*did you mean streets"
    ):
        seg.create_dataset("street")
    with pytest.raises(ConfigError, match=r"dataset\.length: .*takes no such argument"):
        seg.create_dataset("streets", length=3)


@pytest.mark.slow
def test_a_type_checker_sees_the_types(tmp_path):
    (tmp_path / "use.py").write_text(
        "import seg\n"
        + "".join(f"reveal_type(seg.{name})\n" for name in seg.__all__)
        + "seg.create_model(num_classes='three')\n"
    )
    line = [sys.executable, "-m", "mypy", "--strict", str(tmp_path / "use.py")]
    done = subprocess.run(line, cwd=conftest.REPO, capture_output=True, text=True, check=False)
    revealed = [text for text in done.stdout.splitlines() if "Revealed type" in text]
    assert len(revealed) == len(seg.__all__), done.stdout
    assert not [
        text for text in revealed if '"Any"' in text or "Module" in text.split(" -> ")[0][:60]
    ]
    assert 'use.py:14: error: Argument "num_classes"' in done.stdout
