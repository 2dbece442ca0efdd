"""Tensors: their types, and their values from JSON and from bytes."""

from collections.abc import Sequence
from itertools import chain, pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.errors import DataError

DTYPES: dict[str, np.dtype[Any]] = {
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BOOL": np.dtype("?"),
}
"""The data types of numbers; binary tensors are little-endian."""
_LENGTH_BYTES = 4  # before each element of BYTES


def datatype_of(dtype: Any) -> str:
    """Return the protocol's name of a type of numpy."""
    return next(name for name, each in DTYPES.items() if each == np.dtype(dtype))


def numbers_from_bytes(
    data: memoryview, dtype: np.dtype[Any], shape: Sequence[int]
) -> NDArray[Any]:
    """Return a tensor of numbers, a view of its bytes.

    Raises:
        DataError: it has another number of bytes than its shape says.
    """
    expected = prod(shape) * dtype.itemsize
    if len(data) != expected:
        raise DataError(
            f"{len(data)} bytes, and shape {list(shape)} of {dtype.itemsize} bytes an element needs"
            f" {expected}"
        )
    return np.frombuffer(data, dtype).reshape(shape)


def numbers_from_json(data: Any, dtype: np.dtype[Any], shape: Sequence[int]) -> NDArray[Any]:
    """Return a tensor of numbers from lists, nested as its shape says, or flat.

    Raises:
        DataError: the lists do not have the shape, or hold what is no number of the type.
    """
    values = _flat(data, shape)
    kinds = set(map(type, values))
    if not kinds <= ({int, float} if dtype.kind == "f" else {int}):
        allowed = "numbers" if dtype.kind == "f" else "whole numbers"
        raise DataError(f"data holds other values than {allowed}")
    try:
        with np.errstate(over="ignore"):
            return np.array(values, dtype).reshape(shape)
    except OverflowError:
        raise DataError(f"data holds numbers beyond those of {dtype.name}") from None


def _flat(data: Any, shape: Sequence[int]) -> list[Any]:
    """Return the elements of lists of a shape, or of one flat list."""
    values = data if isinstance(data, list) else []
    expected = prod(shape)
    if values and isinstance(values[0], list):
        count = 1
        for length, inner in pairwise(shape):
            count *= length
            lists_fit = all(isinstance(each, list) and len(each) == inner for each in values)
            if len(values) != count or not lists_fit:
                raise DataError(f"data is nested in another way than shape {list(shape)}")
            values = list(chain.from_iterable(values))
    if len(values) != expected:
        raise DataError(
            f"data has {len(values)} elements, and shape {list(shape)} needs {expected}"
        )
    return values


def elements_from_bytes(data: memoryview, count: int) -> list[bytes]:
    """Return the elements of a BYTES tensor, each behind its length.

    Raises:
        DataError: lengths go beyond the data, or data is left over.
    """
    elements, at = [], 0
    for index in range(count):
        start = at + _LENGTH_BYTES
        length = int.from_bytes(data[at:start], "little")
        if len(data) < start + length:
            raise DataError(
                f"element {index} goes beyond the {len(data)} bytes of the tensor\n"
                "  give each element behind its length: 4 bytes, little-endian"
            )
        at = start + length
        elements.append(bytes(data[start:at]))
    if at != len(data):
        raise DataError(f"{len(data) - at} bytes are left over after {count} elements")
    return elements


def elements_to_bytes(elements: Sequence[bytes]) -> bytes:
    """Return a BYTES tensor, each element behind its length."""
    return b"".join(len(each).to_bytes(_LENGTH_BYTES, "little") + each for each in elements)
