"""Time and memory of several ways of doing one thing: interleaved rounds, medians with spread."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import torch

_MIB = 2**20
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Timing:
    """Seconds a unit of one way, in each round."""

    seconds: tuple[float, ...]

    @property
    def median_s(self) -> float:
        """Return the median, seconds."""
        return median(self.seconds)

    @property
    def spread(self) -> float:
        """Return the relative spread; see `spread`."""
        return spread(self.seconds)


def spread(values: Sequence[float]) -> float:
    """Return half of the distance from the least to the greatest, over the median."""
    return (max(values) - min(values)) / 2 / median(values)


def interleaved(ways: Mapping[str, Callable[[], int]], *, rounds: int) -> dict[str, Timing]:
    """Run each way once a round, in turn, so that whatever slows the machine slows all of them.

    Args:
        ways: name -> a call that does the work and returns how many units it did.
        rounds: how often each is timed, after one round that is not.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(1 + rounds):
        for name, way in ways.items():
            started_at = perf_counter()
            units = way()
            elapsed_s = perf_counter() - started_at
            if turn:
                seconds[name].append(elapsed_s / units)
    return {name: Timing(tuple(each)) for name, each in seconds.items()}


def added_mib(call: Callable[[], object], device: torch.device) -> float:
    """Return the MiB that a call adds at its peak in this process.

    On CUDA that is what PyTorch allocates; on a CPU what becomes resident, or NaN where the system
    does not tell.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return (torch.cuda.max_memory_allocated(device) - before) / _MIB
    if not _CLEAR.exists():
        call()
        return float("nan")
    _CLEAR.write_text("5")  # the peak starts anew: proc(5)
    before_mib = _status_mib("VmRSS")
    call()
    return _status_mib("VmHWM") - before_mib


def _status_mib(key: str) -> float:
    lines = _STATUS.read_text().splitlines()
    entry = next(line for line in lines if line.startswith(f"{key}:"))
    return int(entry.split()[1]) / 1024


def table(timings: Mapping[str, Timing]) -> str:
    """Format a Markdown table: milliseconds, spread, and speed over the first way's."""
    lines = ["| way | ms | spread | times as fast |", "|---|---|---|---|"]
    first = next(iter(timings.values()))
    for name, timing in timings.items():
        ratio = first.median_s / timing.median_s
        lines.append(
            f"| {name} | {1e3 * timing.median_s:.2f} | {timing.spread:.0%} | {ratio:.1f} |"
        )
    return "\n".join(lines)
