"""Threads that work on the images of requests, and the bounded queue before them."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeVar

from seg.errors import UserError

T = TypeVar("T")
_FIRST_GUESS_S = 0.5
_NEW_SHARE = 0.1  # of the last image in the mean time of an image


class OverloadError(UserError):
    """The queue is full.

    Args:
        retry_after_s: when to ask again.
    """

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"too many requests; ask again in {max(1, round(retry_after_s))} s")
        self.retry_after_s = retry_after_s


class ExpiredError(UserError):
    """A request that waited too long."""


@dataclass(eq=False)
class _Job:
    work: Callable[[], Any]
    future: "Future[Any]" = field(default_factory=Future)


class Workers:
    """Threads that each take one job after the other, first come, first served.

    Args:
        count: of threads.
        max_queue: jobs that wait; more are refused.

    Attributes:
        count: see above.
    """

    def __init__(self, count: int, *, max_queue: int) -> None:
        self.count, self._max_queue = count, max_queue
        self._waiting: deque[_Job] = deque()
        self._running, self._closed = 0, False
        self._mean_s = _FIRST_GUESS_S
        self._changed = threading.Condition()
        # daemons: a second signal ends the process while they work
        self._threads = [
            threading.Thread(target=self._work, name=f"seg-worker-{number}", daemon=True)
            for number in range(count)
        ]
        for each in self._threads:
            each.start()

    @property
    def waiting(self) -> int:
        """Return how many jobs no thread has taken yet."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Return how many jobs threads work on."""
        return self._running

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """Queue a job; one whose future is cancelled before a thread takes it is dropped.

        Raises:
            OverloadError: too many wait, or the threads end.
        """
        with self._changed:
            idle = self.count - self._running - len(self._waiting)
            if self._closed or (idle <= 0 and len(self._waiting) >= self._max_queue):
                raise OverloadError(self._mean_s * (len(self._waiting) + 1) / self.count)
            return self._put(work)

    def run_on_each(self, call: Callable[[], object]) -> None:
        """Call it in each thread, once in one alone before: modules are loaded and loops compiled.

        No other jobs may be submitted meanwhile.
        """
        barrier = threading.Barrier(self.count)

        def call_together() -> None:
            barrier.wait()  # so that no thread takes two
            call()

        with self._changed:
            first = self._put(call)
        first.result()
        with self._changed:
            jobs = [self._put(call_together) for _ in range(self.count)]
        for each in jobs:
            each.result()

    def close(self, timeout_s: float) -> bool:
        """Finish what is queued and end the threads; return whether that was done in time."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        until_s = perf_counter() + timeout_s
        for each in self._threads:
            each.join(max(0.0, until_s - perf_counter()))
        return not any(each.is_alive() for each in self._threads)

    def _put(self, work: Callable[[], T]) -> "Future[T]":
        job = _Job(work)
        job.future.add_done_callback(lambda future: self._drop(job) if future.cancelled() else None)
        self._waiting.append(job)
        self._changed.notify()
        return job.future

    def _drop(self, job: _Job) -> None:
        """Free the place of a job that is cancelled."""
        with self._changed:
            if job in self._waiting:
                self._waiting.remove(job)

    def _work(self) -> None:
        while (job := self._take()) is not None:
            started_s = perf_counter()
            try:
                result = job.work()
            except Exception as error:  # goes to who waits; the thread goes on
                job.future.set_exception(error)
            except BaseException as error:  # a coroutine that raised it would end the server
                job.future.set_exception(RuntimeError(f"a worker was to end: {error!r}"))
            else:
                job.future.set_result(result)
                del result
            del job  # with the image: the next job may take long to come
            elapsed_s = perf_counter() - started_s
            with self._changed:
                self._running -= 1
                self._mean_s += _NEW_SHARE * (elapsed_s - self._mean_s)

    def _take(self) -> _Job | None:
        """Wait for a job that is not cancelled; None: the threads end."""
        with self._changed:
            while True:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if not self._waiting:
                    return None
                job = self._waiting.popleft()
                if job.future.set_running_or_notify_cancel():
                    self._running += 1
                    return job
