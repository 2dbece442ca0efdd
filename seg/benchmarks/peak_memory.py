"""How much memory a call needs at its peak, above what was held before it."""

from collections.abc import Callable
from pathlib import Path

import torch

Call = Callable[[], object]
_MIB = 2**20
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def added_mib(call: Call, device: torch.device) -> float:
    """MiB that a call adds at its peak in this process: on CUDA what PyTorch allocated.

    On a CPU, what became resident; NaN where the system does not tell.
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
    found = next(line for line in lines if line.startswith(f"{key}:"))
    return int(found.split()[1]) / 1024
