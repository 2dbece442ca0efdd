import errno
import json
import os
import resource
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from seg.data.label_space import LabelSpace
from seg.data.sample import Sample
from seg.errors import exit_code_of, user_message
from seg.io.atomic import (
    STAGED,
    remove_stale,
    staged_directory,
    staged_file,
    staged_path,
    write_atomically,
    write_json,
)
from seg.io.lock import LockedError
from seg.visualization.grids import overlay, palette_image, prediction_grid, save_png

LABELS = LabelSpace.identity(("road", "sky"), ((10, 20, 30), (200, 100, 50)))


def test_a_failed_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "a" / "file"
    write_atomically(target, lambda file: file.write(b"old"))

    def fail(file):
        file.write(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(target, fail)
    assert target.read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]


STAGE = """
import sys, time
from pathlib import Path
from seg.io.atomic import staged_directory, staged_file
path = Path(sys.argv[1])
with staged_file(path) as file, staged_directory(path) as folder:
    file.write(b"half")
    (folder / "whole").write_bytes(b"half")
    print("staged", flush=True)
    time.sleep(100)
"""


def test_what_a_killed_process_staged_goes_and_what_a_live_one_writes_stays(tmp_path):
    line = [sys.executable, "-c", STAGE, str(tmp_path / "file")]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "staged\n"
    (tmp_path / f"{STAGED}link").symlink_to(tmp_path)  # nobody follows what others have put there
    before = sorted(tmp_path.iterdir())
    assert len(before) == 3
    remove_stale(tmp_path)
    assert sorted(tmp_path.iterdir()) == before
    process.send_signal(signal.SIGKILL)
    process.communicate()
    write_atomically(tmp_path / "other", lambda file: file.write(b""))  # this one's first here
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{STAGED}link", "other"]


FORK = """
import os, sys, time
from pathlib import Path
from seg.io.atomic import staged_directory, staged_file
path = Path(sys.argv[1])
with staged_file(path) as file, staged_directory(path) as folder:
    if os.fork() == 0:
        file.write(b"a worker's copy of the handle is no danger")
        print(os.getpid(), flush=True)
    time.sleep(100)
"""


def test_what_a_killed_process_staged_goes_though_its_workers_live(tmp_path):
    line = [sys.executable, "-c", FORK, str(tmp_path / "file")]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    worker = int(process.stdout.readline())
    try:
        remove_stale(tmp_path)
        assert len(list(tmp_path.iterdir())) == 2
        process.kill()
        process.wait()
        remove_stale(tmp_path)
        assert list(tmp_path.iterdir()) == []
    finally:
        os.kill(worker, signal.SIGKILL)
        process.communicate()


def test_one_process_at_a_time_stages_what_must_be_alone(tmp_path):
    with staged_directory(tmp_path / "x", alone=True) as staged:
        (staged / "file").write_bytes(b"1")
        with pytest.raises(LockedError, match=f"{tmp_path / 'x'}: another process"):
            staged_directory(tmp_path / "x", alone=True).__enter__()
        remove_stale(tmp_path)
        staged.replace(tmp_path / "x")
    assert (tmp_path / "x/file").read_bytes() == b"1"
    assert [*tmp_path.iterdir()] == [tmp_path / "x"]


def test_what_earlier_versions_left_goes_once_nobody_can_write_it_any_more(tmp_path):
    names = (".last.ckpt.staged.a1b2c3d4", ".17.4711.0a1b2c3d", "chunk-0-3.bin.lock")
    others = (".staged", "last.ckpt", ".17.4711", "chunk-0-3.bin", "notes.lock", ".a.staged.b")
    for name in (*names, *others):
        (tmp_path / name).write_bytes(b"half")
    remove_stale(tmp_path)
    assert len(list(tmp_path.iterdir())) == len(names) + len(others)
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))
    remove_stale(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(others)


def test_scratch_of_a_killed_process_goes(tmp_path):
    code = """
import os, signal
from seg.io.atomic import scratch_directory
with scratch_directory() as directory:
    (directory / "file").write_bytes(b"1")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert len(list(tmp_path.iterdir())) == 1
    code = code.replace("os.kill(os.getpid(), signal.SIGKILL)", "print(directory)")
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert not list(tmp_path.iterdir())


def test_the_longest_names_can_be_staged(tmp_path):
    longest = os.pathconf(tmp_path, "PC_NAME_MAX")
    write_atomically(tmp_path / ("a" * longest), lambda file: file.write(b"x"))
    with staged_path(tmp_path / ("b" * longest)) as staged:
        staged.write_bytes(b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a" * longest, "b" * longest]


def test_a_name_too_long_is_named_and_is_no_full_disk(tmp_path):
    path = tmp_path / ("a" * 300)
    with pytest.raises(OSError, match="name too long") as caught:
        write_atomically(path, lambda file: file.write(b"x"))
    assert caught.value.errno == errno.ENAMETOOLONG
    assert caught.value.filename == str(path)
    assert exit_code_of(caught.value) == 2
    assert not list(tmp_path.iterdir())


@pytest.fixture
def no_room():
    """No file can grow beyond some bytes."""
    before, action = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, action)


def hidden(path):
    """A library that does not say why it failed."""
    try:
        with path.open("wb") as file:
            file.write(bytes(2000))
    except OSError:
        pass
    raise RuntimeError("the encoder failed")


def test_a_full_disk_is_told_whatever_a_library_says(tmp_path, no_room):
    def by_handle():
        with staged_file(tmp_path / "x") as file:
            file.write(bytes(1000))
            file.flush()
            raise RuntimeError("the encoder failed")

    def by_name():
        with staged_directory(tmp_path / "x") as folder:
            hidden(folder / "y")

    def plainly():
        write_json(tmp_path / "x", {"a": "b" * 2000})

    for write in (by_handle, by_name, plainly):
        with pytest.raises(OSError, match="too large") as caught:
            write()
        assert exit_code_of(caught.value) == 6
        assert user_message(caught.value).startswith(f"{tmp_path / 'x'}: file too large: make room")
        assert not list(tmp_path.iterdir())


def test_other_failures_stay_what_they_are(tmp_path):
    with pytest.raises(RuntimeError, match="the encoder failed"), staged_file(tmp_path / "x"):
        raise RuntimeError("the encoder failed")
    with pytest.raises(RuntimeError, match="the encoder failed"), staged_directory(tmp_path / "x"):
        raise RuntimeError("the encoder failed")
    assert not list(tmp_path.iterdir())


def test_json_is_standard(tmp_path):
    write_json(tmp_path / "x.json", {"a": float("nan"), "b": 1.5, "c": float("inf")})
    assert json.loads((tmp_path / "x.json").read_text(), parse_constant=pytest.fail) == {
        "a": None,
        "b": 1.5,
        "c": None,
    }


def test_palette_png_keeps_ids_and_shows_colors(tmp_path):
    label = np.array([[0, 1], [1, 255]], np.uint8)
    save_png(tmp_path / "x.png", palette_image(label, LABELS))
    with Image.open(tmp_path / "x.png") as read:
        assert read.mode == "P"
        assert np.array_equal(np.asarray(read), label)
        assert np.array_equal(np.asarray(read.convert("RGB")), LABELS.colorize(label))


def test_overlay_blends():
    image = np.full((2, 2, 3), 100, np.uint8)
    label = np.zeros((2, 2), np.uint8)
    assert np.array_equal(np.asarray(overlay(image, label, LABELS, 0.0)), image)
    assert np.array_equal(np.asarray(overlay(image, label, LABELS, 1.0))[0, 0], (10, 20, 30))


def test_grid_marks_errors_red_and_ignored_black():
    label = np.zeros((40, 64), np.uint8)
    label[:, 32:] = 255
    prediction = np.zeros_like(label)
    prediction[:20] = 1
    sample = Sample("a", np.full((40, 64, 3), 9, np.uint8), label)
    grid = np.asarray(prediction_grid([sample], [prediction], LABELS))
    error = grid[18 : 18 + 40, 3 * 76 : 3 * 76 + 64]  # columns of 72 pixels, and gaps
    assert tuple(error[5, 5]) == (214, 39, 40)
    assert tuple(error[30, 5]) == (235, 235, 235)
    assert tuple(error[5, 50]) == (0, 0, 0)
