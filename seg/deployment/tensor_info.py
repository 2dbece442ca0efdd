"""Inputs and outputs of an exported file, as the file itself declares them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TensorInfo:
    """One input or output.

    Attributes:
        name: in the file.
        dtype: its numpy name.
        shape: -1 where any size fits.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Signature:
    """The input and the output of a file."""

    input: TensorInfo
    output: TensorInfo
