"""Inspection of samples in several processes; a killed process loses only its sample."""

import logging
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from typing import Any, TypeVar

from seg.data.loading.workers import start_worker, starting_workers
from seg.data.sample import SegmentationDataset
from seg.dataset_tools.sample_checks import Inspection, inspect
from seg.errors import ConfigError, DataError

T = TypeVar("T")
Place = tuple[int, int]
"""Index of the dataset, index of the sample."""

_log = logging.getLogger(__name__)
_IN_FLIGHT = 4  # samples a process
_STARTS = 3
_datasets: list[SegmentationDataset] = []  # of a reading process


def inspect_all(
    datasets: Sequence[SegmentationDataset],
    *,
    num_workers: int,
    on_sample: Callable[[], None] | None = None,
) -> list[list[Inspection]]:
    """Inspect every sample.

    Args:
        datasets: the splits.
        num_workers: processes that read; 0: this one, as for datasets that cannot be pickled.
        on_sample: called after each sample.

    Returns:
        for each dataset, an inspection for each sample, in order.

    Raises:
        ConfigError: no process could be started.
    """
    inspections: dict[Place, Inspection] = {}

    def store(place: Place, inspection: Inspection) -> None:
        inspections[place] = inspection
        if on_sample is not None:
            on_sample()

    places = [(which, i) for which, dataset in enumerate(datasets) for i in range(len(dataset))]
    pickled = None
    if num_workers > 0 and places:
        try:
            pickled = pickle.dumps(list(datasets))
        except Exception as error:  # open files, lambdas: each class has its own way to refuse
            _log.warning(
                "the data set cannot be sent to other processes (%s); reading in one", error
            )
    if pickled is None:
        for which, index in places:
            store((which, index), inspect(datasets[which], index))
    else:
        _Processes(pickled, num_workers, store).run(places, datasets)
    return [
        [inspections[which, i] for i in range(len(each))] for which, each in enumerate(datasets)
    ]


class _Processes:
    """Pools of processes, a new one whenever one breaks."""

    def __init__(
        self, pickled: bytes, num_workers: int, store: Callable[[Place, Inspection], None]
    ) -> None:
        self._pickled = pickled
        self._num_workers = num_workers
        self._store = store

    def run(self, places: Sequence[Place], datasets: Sequence[SegmentationDataset]) -> None:
        """Inspect all places.

        What was being read when a process was killed is read once more, each sample alone; what
        then kills its process is a fault of that sample.
        """
        todo = iter(places)
        suspects = self._run(todo, self._num_workers, self._num_workers * _IN_FLIGHT)
        while suspects:
            alone = iter(suspects)
            while guilty := self._run(alone, workers=1, in_flight=1):
                (which, index), *_ = guilty
                self._store((which, index), _killed(datasets[which], index))
            suspects = self._run(todo, self._num_workers, self._num_workers * _IN_FLIGHT)

    def _run(self, todo: Iterator[Place], workers: int, in_flight: int) -> list[Place]:
        """Inspect places until none is left or a process is killed; return those it lost."""
        first = list(islice(todo, in_flight))
        if not first:
            return []
        with self._pool(workers) as pool:
            pending: dict[Future[Inspection], Place] = {}
            lost: list[Place] = []
            try:
                for count, place in enumerate(first):
                    lost = first[count:]
                    pending[_submit(pool, _inspect, place)] = place
                lost = []
                while pending:
                    for future in wait(pending, return_when=FIRST_COMPLETED).done:
                        self._store(pending[future], future.result())
                        del pending[future]
                        for place in islice(todo, 1):
                            lost = [place]
                            pending[_submit(pool, _inspect, place)] = place
                            lost = []
            except BrokenProcessPool:
                return self._harvest(pending) + lost
        return []

    def _pool(self, workers: int) -> ProcessPoolExecutor:
        """Start a pool; try again if its processes die at once."""
        # spawned, not forked: this process may have threads (a progress bar, OpenMP)
        for _ in range(_STARTS):
            pool = ProcessPoolExecutor(workers, get_context("spawn"), _start, (self._pickled,))
            try:
                _submit(pool, os.getpid).result()  # any call shows that they have started
                return pool
            except BrokenProcessPool:
                pool.shutdown()
        raise ConfigError("the processes that read could not be started\n  set num_workers=0")

    def _harvest(self, pending: dict[Future[Inspection], Place]) -> list[Place]:
        """Store what was finished before the pool broke; return the rest."""
        rest = []
        for future, place in pending.items():
            if future.done() and not future.cancelled() and future.exception() is None:
                self._store(place, future.result())
            else:
                rest.append(place)
        return rest


def _submit(pool: ProcessPoolExecutor, work: Callable[..., T], *arguments: Any) -> Future[T]:
    with starting_workers():  # a pool starts its processes one by one, as it gets work
        return pool.submit(work, *arguments)


def _start(pickled: bytes) -> None:
    start_worker()
    _datasets[:] = pickle.loads(pickled)


def _inspect(place: Place) -> Inspection:
    return inspect(_datasets[place[0]], place[1])


def _killed(dataset: SegmentationDataset, index: int) -> Inspection:
    """Return the inspection of a sample whose reader was killed."""
    pairs = getattr(dataset, "pairs", None)
    name, image = (pairs[index].name, pairs[index].image) if pairs else (f"#{index}", "")
    inspection = Inspection(dataset.split, name)
    message = f"{image or name}: the process that read it was killed, twice; is memory short?"
    inspection.fault(image, DataError(message, fault="reader_killed"))
    return inspection
