"""Bulk prediction: inputs, output formats, and a manifest of what is done.

A new output format is one file in `writers/` that declares a `FORMAT`.
"""
