"""Settings of a process for memory and cores, and what the cores can do.

Call the functions that set something before torch is imported.
"""

import ctypes
import os
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8  # glibc, malloc.h
_WITH_BFLOAT16 = ("avx512_bf16", "amx_tile")


def disable_malloc_trim() -> None:
    """Let freed blocks be used again instead of unmapped, on Linux.

    Each large activation is otherwise mapped, faulted in page by page and unmapped again, which
    costs a third to a half of the time of a convolution network on a CPU. Elsewhere: nothing.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_M_TOP_PAD, 256 * 2**20)


def limit_malloc_arenas() -> None:
    """Let all threads allocate from one heap, on Linux; call it before there are threads.

    Each thread otherwise keeps the largest activations that it ever had in a heap of its own.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def give_back_memory() -> None:
    """Hand freed blocks back to the system after all, on Linux. Elsewhere: nothing."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def limit_openmp_spin() -> None:
    """Let OpenMP threads sleep soon when they wait, unless the user has set how they wait.

    Threads that spin take the core from those that they wait for: with one other busy process on
    two cores, a training step of 0.3 seconds took ten. Threads that sleep at once wake slowly. In
    GNU OpenMP's unit, on two AVX2 cores, a step took 1.47 s idle and 1.58 s beside a busy process
    at a thousand turns, 0.83 and 2.2 s at ten thousand, 0.91 and 6.3 s at a hundred thousand.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def has_native_bfloat16() -> bool:
    """Return whether the cores have bfloat16 instructions; others emulate them, much slower."""
    import torch

    tests = (getattr(torch.cpu, f"_is_{kind}_supported", None) for kind in _WITH_BFLOAT16)
    return any(test() for test in tests if test is not None)
