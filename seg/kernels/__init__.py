"""Kernels for operations that PyTorch lacks or that are slow in it.

On the CPU Numba compiles loops when they are first called: one pure wheel serves every machine,
where a C++ operator needs a wheel for each platform or a compiler on the user's machine. On CUDA
devices Triton does the same. PyTorch's own operators stay in use where Numba or Triton is missing,
where arrays are small, and in the tests as the reference.
"""
