"""The bounded queue and the threads behind it."""

import sys
import threading
from time import sleep

import pytest

from seg.serving.workers import OverloadError, Workers


@pytest.fixture
def gate():
    """An event on which jobs wait; set at the end, so that threads end."""
    event = threading.Event()
    yield event
    event.set()


def _busy(workers, gate):
    """Let every worker wait at the gate."""
    jobs = [workers.submit(lambda: gate.wait(30)) for _ in range(workers.count)]
    while workers.running < workers.count:
        sleep(0.001)
    return jobs


def test_more_than_the_queue_holds_is_refused_at_once(gate):
    workers = Workers(2, max_queue=3)
    _busy(workers, gate)
    waiting = [workers.submit(lambda value=value: value) for value in range(3)]
    with pytest.raises(OverloadError, match="ask again in") as error:
        workers.submit(lambda: None)
    assert error.value.retry_after_s > 0
    gate.set()
    assert [each.result(10) for each in waiting] == [0, 1, 2]
    assert workers.submit(lambda: "later").result(10) == "later"


def test_who_goes_away_frees_the_place_and_is_not_worked_on(gate):
    workers = Workers(1, max_queue=1)
    _busy(workers, gate)
    done = []
    gone = workers.submit(lambda: done.append("gone"))
    assert gone.cancel()
    assert workers.waiting == 0
    stays = workers.submit(lambda: done.append("stays"))
    gate.set()
    stays.result(10)
    assert done == ["stays"]


def test_a_job_that_fails_leaves_its_thread():
    workers = Workers(1, max_queue=4)
    for error in (ValueError("bad"), MemoryError()):

        def fail(error=error):
            raise error

        with pytest.raises(type(error)):
            workers.submit(fail).result(10)
    with pytest.raises(RuntimeError, match="SystemExit"):  # itself it would end the event loop
        workers.submit(sys.exit).result(10)
    assert workers.submit(lambda: 5).result(10) == 5
    assert workers.running == 0


def test_each_thread_is_prepared():
    workers = Workers(3, max_queue=1)
    threads = []
    workers.run_on_each(lambda: threads.append(threading.get_ident()))
    assert len(threads) == 4
    assert len(set(threads)) == 3


def test_closing_finishes_what_is_queued_and_refuses_more(gate):
    workers = Workers(1, max_queue=8)
    _busy(workers, gate)
    queued = [workers.submit(lambda value=value: value) for value in range(5)]
    assert not workers.close(0.01)
    with pytest.raises(OverloadError):
        workers.submit(lambda: None)
    gate.set()
    assert workers.close(10)
    assert [each.result(0) for each in queued] == list(range(5))
