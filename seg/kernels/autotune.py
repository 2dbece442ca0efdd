"""Choice of the fastest of several implementations, by shapes and device."""

import logging
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

import torch

T = TypeVar("T")  # tensors
log = logging.getLogger(__name__)
_ROUNDS = 3
_chosen: dict[Hashable, str] = {}


def run_fastest(key: Hashable, ways: Mapping[str, Callable[[], T]]) -> T:
    """Compute by the implementation that was fastest for `key`; the first time, time all of them.

    The first one is taken untimed where timing is impossible or unwanted: on a CPU, while a CUDA
    graph is recorded, under `torch.use_deterministic_algorithms` (two runs might choose
    differently, and round differently). Another one that fails is left out with a warning: no
    compiler on the machine, a card that Triton does not know.

    Args:
        key: whatever the speed depends on: the operation, shapes, types, the device.
        ways: name -> computation on a CUDA device, each with the same result up to rounding.
    """
    name = _chosen.get(key)
    if name is None or name not in ways:
        if len(ways) == 1 or not _may_try():
            return next(iter(ways.values()))()
        seconds = {name: _seconds(way) for name, way in ways.items() if _works(name, way, ways)}
        name = _chosen[key] = min(seconds, key=lambda each: seconds[each])
        log.debug("%s: %s of %s", key, name, seconds)
    return ways[name]()


def forget() -> None:
    """Discard all choices, so that everything is timed again."""
    _chosen.clear()


def choices() -> dict[Hashable, str]:
    """Return the choices so far in this process: key -> name of the implementation."""
    return dict(_chosen)


def _may_try() -> bool:
    return (
        torch.cuda.is_available()
        and not torch.cuda.is_current_stream_capturing()
        and not torch.are_deterministic_algorithms_enabled()
    )


def _works(name: str, way: Callable[[], T], ways: Mapping[str, Callable[[], T]]) -> bool:
    """Run an implementation for the first time, which may compile it."""
    if name == next(iter(ways)):
        way()
        return True
    try:
        way()
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[:1]
        log.warning("%s is left out: %s: %s", name, type(error).__name__, *reason or [""])
        return False
    return True


def _seconds(way: Callable[[], T]) -> float:
    """Return the shortest time of a few runs on the device, s."""
    times = []
    for _ in range(_ROUNDS):
        start, end = (torch.Event("cuda", enable_timing=True) for _ in range(2))
        start.record()
        way()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return min(times) / 1e3
