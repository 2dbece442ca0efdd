"""What a trial leaves, however its work ends."""

import errno
import gc
import os
import pickle
import weakref

import pytest

from seg.errors import PrunedError, StorageError, WorkerProcessError
from seg.io.lock import LockedError, locked
from seg.sweeps.run_trial import (
    FAILURE,
    TrialError,
    forget_failure,
    over_budget,
    run_trial,
)
from seg.sweeps.trials import STATUS_FILE, read_status


def raising(error):
    def work():
        raise error

    return work


def test_an_end_with_a_value(tmp_path):
    assert run_trial(tmp_path, lambda: 0.5, max_failures=None) == 0.5
    assert read_status(tmp_path).state == "finished"


@pytest.mark.parametrize(
    ("error", "text_of"),
    [
        (ValueError("no\nsuch thing"), "ValueError: no"),
        (WorkerProcessError("a process\nfailed", exit_code=3), "a process\nfailed"),
        (SystemExit(3), "exit code 3"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_a_failure(error, text_of, tmp_path):
    with pytest.raises(TrialError) as raised:
        run_trial(tmp_path, raising(error), max_failures=None)
    assert str(pickle.loads(pickle.dumps(raised.value))) == read_status(tmp_path).error
    assert text_of in read_status(tmp_path).error
    text = (tmp_path / FAILURE).read_text()
    assert text_of in text
    assert ("Traceback" in text) == (type(error) in (ValueError, MemoryError))
    assert not isinstance(error, WorkerProcessError) or text == "a process\nfailed\n"
    forget_failure(tmp_path)
    assert read_status(tmp_path).state == "running"
    assert not (tmp_path / FAILURE).exists()


@pytest.mark.parametrize("error", [PrunedError("x"), WorkerProcessError("x", exit_code=7)])
def test_a_pruned_trial_has_not_failed(error, tmp_path):
    assert run_trial(tmp_path, raising(error), max_failures=None) is None
    assert read_status(tmp_path).state == "pruned"
    assert not (tmp_path / FAILURE).exists()


@pytest.mark.parametrize("error", [SystemExit(143), SystemExit(130), KeyboardInterrupt()])
def test_a_signal_goes_through(error, tmp_path):
    with pytest.raises(type(error)):
        run_trial(tmp_path, raising(error), max_failures=None)
    assert read_status(tmp_path).state == "running"


def test_seconds_add_up_over_tries_also_of_one_that_was_killed(tmp_path):
    (tmp_path / STATUS_FILE).write_text('{"state": "running", "seconds": 5.0, "began_at": 1000.0}')
    os.utime(tmp_path / STATUS_FILE, (1000, 1000))
    (tmp_path / "metrics.csv").write_text("")
    os.utime(tmp_path / "metrics.csv", (1020, 1020))
    run_trial(tmp_path, lambda: None, max_failures=None)
    assert read_status(tmp_path).seconds == pytest.approx(25, abs=2)
    before = read_status(tmp_path).seconds
    run_trial(tmp_path, lambda: None, max_failures=None)
    assert read_status(tmp_path).seconds == pytest.approx(before, abs=2)


def test_a_failure_frees_the_objects_of_the_work(tmp_path):
    class Large:
        pass

    seen = []

    def work():
        large = Large()
        seen.append(weakref.ref(large))
        raise RuntimeError("out of memory")

    try:
        run_trial(tmp_path, work, max_failures=None)
    except TrialError as error:
        failure = error
        gc.collect()
        assert seen[0]() is None
        assert failure.__context__ is None


def test_no_trial_starts_over_the_budget(tmp_path):
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / FAILURE).write_text("x")
    assert over_budget(tmp_path, 2)
    assert not over_budget(tmp_path, 3)
    assert not over_budget(tmp_path, None)
    (tmp_path / "3").mkdir()
    with pytest.raises(TrialError, match="not started"):
        run_trial(tmp_path / "3", lambda: 1, max_failures=2)
    assert read_status(tmp_path / "3") is None


def test_a_locked_trial_is_left_to_the_process_that_is_at_work_on_it(tmp_path):
    with locked(tmp_path, "key"):
        with pytest.raises(LockedError, match="another process"):
            run_trial(tmp_path, lambda: 1, max_failures=None)
        assert read_status(tmp_path) is None
    assert run_trial(tmp_path, lambda: 1, max_failures=None) == 1


def test_a_full_disk_is_no_failure_of_the_trial(tmp_path):
    def fill():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "last.ckpt")

    with pytest.raises(StorageError, match=r"last.ckpt: no space left on device"):
        run_trial(tmp_path, fill, max_failures=None)
    assert read_status(tmp_path).state == "running"
    assert not (tmp_path / FAILURE).exists()
