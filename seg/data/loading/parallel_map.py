"""A function of every sample, computed in this process or in workers, in the dataset's order."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from seg.data.loading.workers import start_worker, starting_workers
from seg.errors import DataError, UserError

T = TypeVar("T")


def parallel_map(measure: Callable[[int], T], length: int, *, num_workers: int) -> Iterator[T]:
    """Yield `measure(0)`, `measure(1)`, ... `measure(length - 1)`.

    Args:
        measure: computes something of the sample at an index; its result must be picklable.
        length: number of samples.
        num_workers: processes; 0: this one.

    Raises:
        UserError: the first that `measure` raised.
        DataError: a worker was killed.
    """
    if not length:
        return
    cv2.setNumThreads(0)  # threads of OpenCV do not survive a fork
    with warnings.catch_warnings(), starting_workers():
        # Reading from an object store pays with more processes than cores.
        warnings.filterwarnings("ignore", "This DataLoader will create", UserWarning)
        loader = DataLoader(
            _Measured(measure, length),
            batch_size=None,
            num_workers=min(num_workers, length),
            collate_fn=_identity,
            generator=torch.Generator(),  # leaves the one that dropout uses alone
            worker_init_fn=start_worker,
        )
        results: Any = iter(loader)
    try:
        for result in results:
            if isinstance(result, UserError):
                raise result
            yield result
    except RuntimeError as error:
        if "DataLoader worker (pid" not in str(error):
            raise
        raise DataError(
            "a reading process was killed, most often for want of memory\n  lower num_workers"
        ) from error
    finally:
        # An error refers to them: left to the garbage collector they take 5 s each.
        if num_workers:
            results._shutdown_workers()


class _Measured(Dataset[Any], Generic[T]):
    def __init__(self, measure: Callable[[int], T], length: int) -> None:
        self._measure = measure
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> T | UserError:
        try:
            return self._measure(index)
        except UserError as error:  # raised here, it would come wrapped in the worker's traceback
            return error


def _identity(result: T) -> T:  # workers that are spawned must be able to import it
    return result
