"""Loops on the CPU that PyTorch has no operator for, compiled when they are first called.

Numba compiles them: one pure wheel serves every machine and processor, where a C++ operator needs a
wheel a platform or a compiler at the user's. Whoever calls them has a way of its own in PyTorch or
numpy, which stays where Numba is missing, where arrays are small, and in the tests beside them.
"""
