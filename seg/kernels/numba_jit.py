"""Loops that Numba compiles: when they are faster, how they are compiled, and run by threads.

Conditions are checked before a module of loops, and with it Numba, is imported.
"""

import importlib.util
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
_RESIZED_BYTES = 2**24  # for smaller logits, loading a loop takes longer than it saves
_PAIRS = range(2**19, 2**31)  # a thread counts in 32 bits
_BYTE, _WIDE = 2**8, 2**16
F = TypeVar("F", bound=Callable[..., Any])


@lru_cache(maxsize=1)
def numba_available() -> bool:
    """Return whether loops can be compiled; `NUMBA_DISABLE_JIT=1` forbids it."""
    disabled = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
    return not disabled and importlib.util.find_spec("numba") is not None


def should_use_numba_argmax(logits_hKw: Tensor, pixels: int) -> bool:
    """Return whether `argmax.upsampled_argmax` is faster for an image of `pixels`."""
    return _is_large(logits_hKw, pixels * logits_hKw.shape[1])


def should_use_numba_cross_entropy(
    values_BKhw: Tensor, label_BHW: Tensor, ignore_index: int
) -> bool:
    """Return whether the loops of `cross_entropy` are faster for these logits, as float32."""
    classes = values_BKhw.shape[1]
    most_labels = _BYTE if has_byte_labels(classes, ignore_index) else _WIDE
    return (
        _is_large(values_BKhw, label_BHW.numel() * classes)
        and values_BKhw.dtype != torch.float64
        and 0 <= ignore_index < _WIDE
        and (label_BHW.dtype == torch.uint8 or _are_below(label_BHW, most_labels))
    )


def should_use_numba_histogram(pixels: int) -> bool:
    """Return whether `joint_histogram.byte_pairs` is faster for arrays of `pixels`."""
    return pixels in _PAIRS and numba_available()


def _is_large(values: Tensor, resized: int) -> bool:
    return values.device.type == "cpu" and 4 * resized >= _RESIZED_BYTES and numba_available()


def has_byte_labels(classes: int, ignore_index: int) -> bool:
    """Return whether labels of so many classes fit into 8 bits."""
    return classes < _BYTE and 0 <= ignore_index < _BYTE


def _are_below(label_BHW: Tensor, limit: int) -> bool:
    low, high = label_BHW.aminmax()
    return int(low) >= 0 and int(high) < limit


def compiled(loop: F) -> F:
    """Compile a Python loop over arrays at its first call, and cache the machine code on disk.

    Threads of Python run the loops: Numba's own threads end a process that forks, or that calls
    them from two threads.
    """
    import numba

    config: Any = numba.config
    njit: Any = numba.njit
    before, config.CACHE_DIR = config.CACHE_DIR, str(_cache_directory(config.CACHE_DIR))
    try:
        native: F = njit(cache=True, **_OPTIONS)(loop)
    except RuntimeError:  # no directory for the cache
        native = njit(**_OPTIONS)(loop)
    finally:
        config.CACHE_DIR = before
    return native


@lru_cache(maxsize=1)
def _cache_directory(root: str) -> Path:
    """Return a cache directory for this state of the loops.

    Numba checks the file of a loop for changes, but not the functions that the loop calls.
    """
    digest = sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    default = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root or default, "seg", "kernels", digest.hexdigest()[:16])


def in_parallel(call: Callable[..., Any], parts: Iterable[Sequence[Any]]) -> list[Any]:
    """Call `call(*part)` for each part on as many threads as PyTorch uses; results in order."""
    arguments = list(parts)
    threads = min(torch.get_num_threads(), len(arguments))
    if threads <= 1:
        return [call(*part) for part in arguments]
    return list(_pool(os.getpid(), threads).map(lambda part: call(*part), arguments))


def bands(length: int, least: int) -> list[tuple[int, int]]:
    """Cut 0..length into one part a thread, none below `least` unless the whole is."""
    count = max(1, min(torch.get_num_threads(), length // least))
    edges = [length * index // count for index in range(count + 1)]
    return list(pairwise(edges))


@lru_cache(maxsize=4)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Return the threads of this process: a fork has none of its parent's."""
    del process
    return ThreadPoolExecutor(threads, thread_name_prefix="seg-kernel")
