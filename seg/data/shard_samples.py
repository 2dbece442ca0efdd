"""One sample as a chunk of a sharded copy stores it, in litdata's layout.

A sample is the sizes of its three parts (uint32), then name, image and label, of which the arrays
begin with type, rank and shape (uint32). Numbers are little endian.
"""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from seg.data.sample import IMAGE_CHANNELS, Sample

_UINT8 = 4  # litdata's number of the type
_SIZES = struct.Struct("<III")
_KIND = struct.Struct("<II")


def checksum_of(sample: Sample) -> int:
    """Return the CRC-32 of the bytes that are stored of a sample."""
    name = sample.name.encode()
    arrays = [np.ascontiguousarray(array) for array in (sample.image, sample.label)]
    headers = [struct.pack(f"<{2 + a.ndim}I", _UINT8, a.ndim, *a.shape) for a in arrays]
    sizes = [len(header) + array.nbytes for header, array in zip(headers, arrays, strict=True)]
    checksum = zlib.crc32(name, zlib.crc32(_SIZES.pack(len(name), *sizes)))
    for header, array in zip(headers, arrays, strict=True):
        checksum = zlib.crc32(array.data, zlib.crc32(header, checksum))
    return checksum


def parse_sample(content: memoryview) -> Sample:
    """Return the sample that these bytes hold; its arrays share their memory.

    Raises:
        ValueError, struct.error: the sizes do not agree.
    """
    name_bytes, image_bytes, label_bytes = _SIZES.unpack_from(content)
    image_at = _SIZES.size + name_bytes
    label_at = image_at + image_bytes
    if label_at + label_bytes != len(content):
        raise ValueError("sizes of parts do not add up")
    image = _array(content[image_at:label_at], rank=3)
    label = _array(content[label_at:], rank=2)
    if image.shape != (*label.shape, IMAGE_CHANNELS):
        raise ValueError(f"image {image.shape} with label {label.shape}")
    return Sample(str(content[_SIZES.size : image_at], "utf-8"), image, label)


def _array(content: memoryview, *, rank: int) -> NDArray[np.uint8]:
    kind, stored_rank, *shape = struct.unpack_from(f"<II{rank}I", content)
    if (kind, stored_rank) != (_UINT8, rank):
        raise ValueError(f"an array of type {kind} and rank {stored_rank}")
    return np.frombuffer(content, np.uint8, offset=_KIND.size + 4 * rank).reshape(shape)
