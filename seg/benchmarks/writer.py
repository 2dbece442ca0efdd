"""Results of a benchmark: its machine and its files."""

import os
import platform
from collections.abc import Mapping
from pathlib import Path

import torch

from seg.io.atomic import write_json


def machine() -> str:
    """Return processor, cores and library versions in a line."""
    return (
        f"{_processor()}, {os.cpu_count()} cores, torch {torch.__version__},"
        f" Python {platform.python_version()}"
    )


def _processor() -> str:
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def write(run_dir: Path, text: str, numbers: Mapping[str, Mapping[str, object]]) -> None:
    """Write `benchmark.md`, and the numbers of every round to `benchmark.json`."""
    (run_dir / "benchmark.md").write_text(text + "\n")
    write_json(run_dir / "benchmark.json", numbers)
