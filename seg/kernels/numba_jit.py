"""Compilation of loops to machine code by Numba, and threads that run them."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numba
import torch

config: Any = numba.config
njit: Any = numba.njit
_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
F = TypeVar("F", bound=Callable[..., Any])


def compiled(loop: F) -> F:
    """Compile a Python loop over arrays at its first call, and cache the machine code on disk.

    Threads of Python run the loops: Numba's own threads end a process that forks, or that calls
    them from two threads.
    """
    before, config.CACHE_DIR = config.CACHE_DIR, str(_cache_directory())
    try:
        native: F = njit(cache=True, **_OPTIONS)(loop)
    except RuntimeError:  # no directory for the cache
        native = njit(**_OPTIONS)(loop)
    finally:
        config.CACHE_DIR = before
    return native


@lru_cache(maxsize=1)
def _cache_directory() -> Path:
    """Return a cache directory for this state of the loops.

    Numba checks the file of a loop for changes, but not the functions that the loop calls.
    """
    root = config.CACHE_DIR or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    digest = sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return Path(root, "seg", "kernels", digest.hexdigest()[:16])


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
