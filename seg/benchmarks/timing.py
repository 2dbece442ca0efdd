"""Times several ways of doing one thing fairly: interleaved rounds, medians with spread."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter


@dataclass(frozen=True)
class Timing:
    """One way: seconds a unit in each round."""

    seconds: tuple[float, ...]

    @property
    def median_s(self) -> float:
        return median(self.seconds)

    @property
    def spread(self) -> float:
        return spread(self.seconds)


def spread(values: Sequence[float]) -> float:
    """Half of the distance from the least to the greatest, over the median."""
    return (max(values) - min(values)) / 2 / median(values)


def interleaved(
    ways: Mapping[str, Callable[[], int]], *, rounds: int, warm_up: int = 1
) -> dict[str, Timing]:
    """Run each way once a round, in turn, so that whatever slows the machine slows all of them.

    Args:
        ways: name -> a call that does the work and returns how many units it did.
        rounds: how often each is timed.
        warm_up: rounds before that are not counted.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(warm_up + rounds):
        for name, way in ways.items():
            started_at = perf_counter()
            units = way()
            elapsed_s = perf_counter() - started_at
            if turn >= warm_up:
                seconds[name].append(elapsed_s / units)
    return {name: Timing(tuple(each)) for name, each in seconds.items()}


def table(timings: Mapping[str, Timing]) -> str:
    """A Markdown table: milliseconds, spread, and how many times as fast as the first way."""
    lines = ["| way | ms | spread | times as fast |", "|---|---|---|---|"]
    first = next(iter(timings.values()))
    for name, timing in timings.items():
        ratio = first.median_s / timing.median_s
        lines.append(
            f"| {name} | {1e3 * timing.median_s:.2f} | {timing.spread:.0%} | {ratio:.1f} |"
        )
    return "\n".join(lines)
