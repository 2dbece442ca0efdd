"""How much memory a call needs at its peak, above what was held before it."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch

from seg.cpu import give_back_memory, keep_freed_memory
from seg.errors import ConfigError

Call = Callable[[], object]
_MIB = 2**20
_STATUS = Path("/proc/self/status")


def peak_mib(prepare: Callable[[torch.device], Call], device: torch.device) -> float:
    """MiB that a call adds at its peak.

    On CUDA it is what PyTorch allocated. On a CPU it is what became resident in a process of its
    own, whose allocator has no freed blocks to hand out yet.

    Args:
        prepare: makes the call and what it works on; picklable.
        device: where.

    Raises:
        ConfigError: a CPU whose system does not tell (Linux does).
    """
    if device.type == "cuda":
        call = prepare(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return (torch.cuda.max_memory_allocated(device) - before) / _MIB
    if not _STATUS.exists():
        raise ConfigError("task=loss: memory on a CPU is measured on Linux alone; use device=cuda")
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_resident_mib, prepare).result()


def _resident_mib(prepare: Callable[[torch.device], Call]) -> float:
    keep_freed_memory()  # as every command does
    call = prepare(torch.device("cpu"))
    call()  # libraries are loaded and loops compiled
    give_back_memory()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew: proc(5)
    before = _status_mib("VmRSS")
    call()
    return _status_mib("VmHWM") - before


def _status_mib(key: str) -> float:
    lines = _STATUS.read_text().splitlines()
    found = next(line for line in lines if line.startswith(f"{key}:"))
    return int(found.split()[1]) / 1024
