"""Reads arrays of numbers from `.npz` archives and `.npy` files within a limit on their size."""

import zipfile
from io import BytesIO
from math import prod
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray


def read_npz(content: bytes, *, max_bytes: int) -> dict[str, NDArray[Any]]:
    """Return the arrays of an archive by name; nothing in it executes.

    The shape that a member announces is held against its size in the archive, and the sum of sizes
    against the limit, before anything is allocated.

    Args:
        content: of the file.
        max_bytes: of all arrays, unpacked.

    Raises:
        ValueError: it is no such archive, is damaged, or is larger.
    """
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > max_bytes:
                raise ValueError(f"more than {max_bytes} bytes unpacked")
            return {
                member.filename.removesuffix(".npy"): _array(archive.read(member))
                for member in members
            }
    except ValueError:
        raise
    except Exception as error:  # damaged archives raise nearly anything
        raise ValueError(f"{type(error).__name__}: {error}") from error


def read_npy(content: bytes, *, max_bytes: int) -> NDArray[Any]:
    """Return the array of a `.npy` file; nothing in it executes.

    Raises:
        ValueError: it is no such file, is damaged, or is larger.
    """
    if len(content) > max_bytes:
        raise ValueError(f"more than {max_bytes} bytes")
    try:
        return _array(content)
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _array(content: bytes) -> NDArray[Any]:
    file = BytesIO(content)
    version = npy.read_magic(file)
    read_header: Any = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    shape, fortran, dtype = read_header[version](file)
    if dtype.hasobject or dtype.kind not in "biuf":
        raise ValueError(f"an array of {dtype}, not of numbers")
    announced = prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or announced != len(content) - file.tell():
        raise ValueError(f"an array announces {announced} bytes and has others")
    flat = np.frombuffer(content, dtype, offset=file.tell())
    return flat.reshape(shape, order="F" if fortran else "C").copy()
