"""Folders that appear whole or not at all, filled by one process at a time."""

import multiprocessing
import os
import signal

import pytest

from seg.dataset_tools.atomic_directory import atomic_directory
from seg.errors import DataError


def test_only_one_process_fills_a_folder(tmp_path):
    with atomic_directory(tmp_path / "root"), multiprocessing.get_context("fork").Pool(1) as pool:
        assert "another process is filling it" in pool.apply(_fill, (tmp_path / "root",))
    assert [*tmp_path.iterdir()] == [tmp_path / "root"]


def _fill(target):
    try:
        with atomic_directory(target):
            return "filled"
    except DataError as error:
        return str(error)


def test_a_killed_process_holds_nothing_though_its_children_live(tmp_path):
    fork = multiprocessing.get_context("fork")
    reading, writing = os.pipe()
    killed = fork.Process(target=_fill_and_die, args=(tmp_path / "root", reading, writing))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert (left / "half").exists()
    with atomic_directory(tmp_path / "root") as directory:
        (directory / "file").write_bytes(b"1")
    os.close(writing)  # the child ends
    os.close(reading)
    assert (tmp_path / "root/file").read_bytes() == b"1"
    assert [*tmp_path.iterdir()] == [tmp_path / "root"]


def _fill_and_die(target, reading, writing):
    with atomic_directory(target) as directory:
        (directory / "half").write_bytes(b"1")
        if os.fork() == 0:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)


def test_an_empty_folder_may_be_filled_and_a_full_one_not(tmp_path):
    (tmp_path / "root").mkdir()
    with atomic_directory(tmp_path / "root") as directory:
        (directory / "file").write_bytes(b"1")
    with pytest.raises(DataError, match="not empty"), atomic_directory(tmp_path / "root"):
        pytest.fail("must not begin")
    assert (tmp_path / "root/file").read_bytes() == b"1"


def test_an_interrupted_filling_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), atomic_directory(tmp_path / "root") as directory:
        (directory / "file").write_bytes(b"1")
        raise KeyboardInterrupt
    assert [*tmp_path.iterdir()] == []
