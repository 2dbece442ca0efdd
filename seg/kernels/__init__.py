"""Kernels that PyTorch lacks or has slow, each beside PyTorch's way that it stands in for.

On the CPU Numba compiles loops when they are first called: one pure wheel serves every machine and
processor, where a C++ operator needs a wheel a platform or a compiler at the user's. On CUDA
devices Triton does the same. PyTorch's own way stays where these are missing, where arrays are
small, and in the tests beside them.
"""
