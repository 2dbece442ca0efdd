"""Every sample measured: in order, in any number of processes, with readable errors."""

import os
import signal
import time

import pytest
import torch

from seg.data.loading.parallel_map import parallel_map
from seg.errors import DataError


@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_results_come_in_order(num_workers):
    def measure(index):
        time.sleep(0.002 * (index % 3))
        return {"square": index**2}

    measured = parallel_map(measure, 10, num_workers=num_workers)
    assert [each["square"] for each in measured] == [index**2 for index in range(10)]


def test_nothing_to_measure():
    assert list(parallel_map(lambda index: index, 0, num_workers=2)) == []


def test_random_numbers_are_left_alone():
    state = torch.get_rng_state()
    list(parallel_map(lambda index: index, 3, num_workers=2))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_the_first_error_is_raised_as_it_was(num_workers):
    def measure(index):
        if index >= 2:
            raise DataError(f"sample {index} is broken", fault="damaged")
        return index

    measured = parallel_map(measure, 100, num_workers=num_workers)
    assert [next(measured), next(measured)] == [0, 1]
    with pytest.raises(DataError, match=r"^sample 2 is broken$") as caught:
        next(measured)
    assert caught.value.fault == "damaged"


def test_a_killed_process_is_told():
    def measure(index):
        if index == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return index

    with pytest.raises(DataError, match=r"was killed.*\n.*lower num_workers"):
        list(parallel_map(measure, 3, num_workers=1))
