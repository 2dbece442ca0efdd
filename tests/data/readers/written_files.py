"""Image files written value by value, and prediction's way to read one."""

import struct
import warnings
import zlib

import numpy as np
import pytest

from seg.data.readers.value_range import ImageDecoding
from seg.prediction.inputs import list_items
from seg.prediction.reader import ItemReader

RNG = np.random.default_rng(0)
SHAPE = (24, 40)


def plant(path, values_CHW, **options):
    """Write a TIFF by GDAL."""
    rasterio = pytest.importorskip("rasterio")
    count, height, width = values_CHW.shape
    options |= {"count": count, "height": height, "width": width, "dtype": values_CHW.dtype}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, "w", **{"driver": "GTiff", **options}) as file:
            file.write(values_CHW)
    return path


def noise(count, bits=8):
    kind = np.uint8 if bits <= 8 else np.uint16
    return RNG.integers(0, 2**bits, (count, *SHAPE)).astype(kind)


def full_range(bits):
    return ImageDecoding(value_range=(0, 2**bits - 1))


def scaled(values_CHW, bits):
    return values_CHW.transpose(1, 2, 0) * np.float32(255 / (2**bits - 1))


def depth(bits):
    return {} if bits in (8, 16) else {"NBITS": bits}


def by_prediction(path, decoding=None):
    (item,) = list_items(str(path), output=path.parent / "out")
    raster = ItemReader(decoding=decoding or ImageDecoding()).open(item)
    return raster.read(slice(0, raster.height), slice(0, raster.width))


def packed_rows(values_HW, bits):
    """Return each row of values of `bits` bits as octets."""
    shifts = np.arange(bits)[::-1]
    return [
        np.packbits(((row[:, None] >> shifts) & 1).astype(np.uint8)).tobytes() for row in values_HW
    ]


def png(header, rows, **further):
    """Return a PNG written by hand (ISO/IEC 15948): IHDR, further chunks, rows without filters."""
    chunks = {"IHDR": struct.pack(">IIBBBBB", *header, 0, 0, 0), **further}
    chunks |= {"IDAT": zlib.compress(b"".join(b"\0" + row for row in rows)), "IEND": b""}
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in chunks.items():
        named = kind.encode() + data
        content += struct.pack(">I", len(data)) + named + struct.pack(">I", zlib.crc32(named))
    return content


def grey_png(values_HW, bits):
    """Return a PNG of grey values; Pillow writes none of 2 or 4 bits."""
    height, width = values_HW.shape
    return png((width, height, bits, 0), packed_rows(values_HW, bits))
