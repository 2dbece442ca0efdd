"""A current directory that cannot be written stops no command that writes elsewhere."""

import os
from pathlib import Path

import pytest

from seg.config.run_location import writable_run_directory
from seg.errors import ConfigError

_NOBODY = 65534


@pytest.fixture
def locked(tmp_path, monkeypatch):
    """The current directory, which this process cannot write."""
    tmp_path.chmod(0o555)
    monkeypatch.chdir(tmp_path)
    root = os.geteuid() == 0
    if root:
        os.seteuid(_NOBODY)
    yield tmp_path
    if root:
        os.seteuid(0)
    tmp_path.chmod(0o755)


def given(arguments, command):
    with writable_run_directory(arguments, command) as found:
        return found


def test_what_goes_into_the_output_needs_no_run_directory(locked):
    for command, task in (("predict", []), ("prepare", ["task=shards"])):
        line = [*task, "output=/somewhere"]
        with writable_run_directory(line, command) as found:
            assert found[:-1] == line
            folder = Path(found[-1].removeprefix("hydra.run.dir="))
            assert folder.is_dir()
        assert not folder.exists()


def test_results_of_a_run_directory_go_into_the_output(locked):
    for task in ([], ["task=verify"], ["task=stats"]):
        found = given([*task, "output=/somewhere"], "prepare")
        assert found[-1] == "hydra.run.dir=/somewhere"


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("predict", ["input=x"]),
        ("predict", ["output=x", "output=null"]),
        ("evaluate", ["checkpoint=x"]),
        ("describe", []),
    ],
)
def test_results_without_a_place_are_refused_with_the_remedy(locked, command, line):
    with pytest.raises(ConfigError, match=r"cannot be written\n.*hydra\.run\.dir=DIRECTORY"):
        given(line, command)
    for more in ("hydra.run.dir=/somewhere", "--cfg", "-m"):
        assert given([*line, more], command) == [*line, more]


def test_nothing_changes_where_it_can_be_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert given(["output=x"], "predict") == ["output=x"]
    assert list(tmp_path.iterdir()) == []
