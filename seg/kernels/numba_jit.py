"""Makes machine code of loops, and shares their work among threads."""

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
    """A Python loop over arrays, as machine code from its first call on; kept on disk.

    Threads of Python run the loops, not those of Numba, which end a process that forks, or that
    calls from two threads.
    """
    before, config.CACHE_DIR = config.CACHE_DIR, str(_cache_directory())
    try:
        native: F = njit(cache=True, **_OPTIONS)(loop)
    except RuntimeError:  # no folder to keep it in
        native = njit(**_OPTIONS)(loop)
    finally:
        config.CACHE_DIR = before
    return native


@lru_cache(maxsize=1)
def _cache_directory() -> Path:
    """One for each state of the loops: Numba looks at the file of a loop, not at what it calls."""
    root = config.CACHE_DIR or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    digest = sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return Path(root, "seg", "kernels", digest.hexdigest()[:16])


def in_parallel(call: Callable[..., Any], parts: Iterable[Sequence[Any]]) -> list[Any]:
    """`call(*part)` for each part, on as many threads as PyTorch uses; results in order."""
    arguments = list(parts)
    threads = min(torch.get_num_threads(), len(arguments))
    if threads <= 1:
        return [call(*each) for each in arguments]
    return list(_pool(os.getpid(), threads).map(lambda each: call(*each), arguments))


def bands(length: int, least: int) -> list[tuple[int, int]]:
    """Cut 0..length into a part a thread, none shorter than `least` but for a short whole."""
    count = max(1, min(torch.get_num_threads(), length // least))
    edges = [length * index // count for index in range(count + 1)]
    return list(pairwise(edges))


@lru_cache(maxsize=4)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Threads of this process: a fork has none of its parent's."""
    del process
    return ThreadPoolExecutor(threads, thread_name_prefix="seg-kernel")
