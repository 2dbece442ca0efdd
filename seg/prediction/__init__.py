"""Bulk prediction: where pictures come from, what is written of them, and what is done already.

A new kind of output is one file in `formats/` that declares a `FORMAT`.
"""
