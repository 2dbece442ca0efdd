"""`task=startup`: how long commands take to start, in processes as a user starts them."""

import subprocess
import sys
from collections.abc import Mapping
from time import perf_counter

from seg.benchmarks.timing import Timing
from seg.errors import ConfigError
from seg.io.atomic import scratch_directory

TARGETS_S = {"import seg": 0.2, "seg-train --help": 1.0, "first training step": 12.0}
_LINES = {
    "import seg": ("-c", "import seg"),
    "seg-train --help": ("-m", "seg.train", "--help"),
    "first training step": ("-m", "seg.benchmarks.time_to_first_step"),
}


def run(*, rounds: int, further: tuple[str, ...] = ()) -> dict[str, Timing]:
    """Time each, interleaved; the first training step is one on the generated streets.

    Args:
        rounds: how often each is timed, after one that is not.
        further: keys of the training run.

    Raises:
        ConfigError: a command fails.
    """
    seconds: dict[str, list[float]] = {name: [] for name in _LINES}
    for turn in range(1 + rounds):
        for name, line in _LINES.items():
            extra = further if name == "first training step" else ()
            elapsed_s = _elapsed_s(name, [sys.executable, *line, *extra])
            if turn:
                seconds[name].append(elapsed_s)
    return {name: Timing(tuple(each)) for name, each in seconds.items()}


def table(timings: Mapping[str, Timing]) -> str:
    """Format a Markdown table beside the targets."""
    lines = ["| what | s | spread | target, s |", "|---|---|---|---|"]
    for name, timing in timings.items():
        lines.append(
            f"| {name} | {timing.median_s:.2f} | {timing.spread:.0%} | {TARGETS_S[name]:g} |"
        )
    return "\n".join(lines)


def _elapsed_s(name: str, line: list[str]) -> float:
    with scratch_directory() as directory:
        more = [f"hydra.run.dir={directory / 'run'}"] if "step" in name else []
        started_at = perf_counter()
        done = subprocess.run([*line, *more], capture_output=True, text=True, check=False)
        elapsed_s = perf_counter() - started_at
    if done.returncode:
        raise ConfigError(f"{name}: failed\n{done.stderr}")
    return elapsed_s
