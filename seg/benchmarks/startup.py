"""`task=startup`: how long commands take to start, in processes as a user starts them."""

import subprocess
import sys
from collections.abc import Mapping
from functools import partial

from seg.benchmarks.timing import Timing, interleaved
from seg.errors import ConfigError
from seg.io.atomic import scratch_directory

# Name -> arguments of Python, and the target in seconds.
_LINES: dict[str, tuple[tuple[str, ...], float]] = {
    "import seg": (("-c", "import seg"), 0.2),
    "seg-train --help": (("-m", "seg.train", "--help"), 1.0),
    "first training step": (("-m", "seg.benchmarks.time_to_first_step"), 12.0),
}


def run(*, rounds: int) -> dict[str, Timing]:
    """Time each, interleaved; the first training step is one on the generated streets.

    Args:
        rounds: how often each is timed, after one that is not.

    Raises:
        ConfigError: a command fails.
    """
    calls = {name: partial(_start, name, line) for name, (line, _) in _LINES.items()}
    return interleaved(calls, rounds=rounds)


def table(timings: Mapping[str, Timing]) -> str:
    """Format a Markdown table beside the targets."""
    lines = ["| what | s | spread | target, s |", "|---|---|---|---|"]
    for name, timing in timings.items():
        lines.append(
            f"| {name} | {timing.median_s:.2f} | {timing.spread:.0%} | {_LINES[name][1]:g} |"
        )
    return "\n".join(lines)


def _start(name: str, line: tuple[str, ...]) -> int:
    with scratch_directory() as directory:
        more = [f"hydra.run.dir={directory / 'run'}"] if "step" in name else []
        done = subprocess.run(
            [sys.executable, *line, *more], capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise ConfigError(f"{name}: failed\n{done.stderr}")
    return 1
