"""A sharded copy of two small samples, byte by byte as the module's first lines describe it."""

import hashlib
import json
import struct
import zlib
from pathlib import Path

import numpy as np

from seg.data.label_space import LabelSpace
from seg.data.readers.shard_files import Copy


def write_copy(folder: Path, labels: LabelSpace) -> Path:
    """Write the three files of a split; returns its directory."""
    folder.mkdir(parents=True)
    samples = [_sample(f"s{number}", 3 + number, 4) for number in range(2)]
    begin = 4 * (len(samples) + 2)
    ends = np.cumsum([begin, *map(len, samples)]).astype("<u4")
    chunk = struct.pack("<I", len(samples)) + ends.tobytes() + b"".join(samples)
    (folder / "chunk-0-0.bin").write_bytes(chunk)
    entry = {"filename": "chunk-0-0.bin", "chunk_bytes": len(chunk), "chunk_size": len(samples)}
    config = {
        "data_format": ["str", "numpy", "numpy"],
        "compression": None,
        "encryption": None,
    }
    index = json.dumps({"chunks": [entry], "config": config}).encode()
    (folder / "index.json").write_bytes(index)
    checksums = "".join(f"{zlib.crc32(sample):08x}" for sample in samples)
    copy = Copy(
        *("train", len(samples), "a" * 64, hashlib.sha256(index).hexdigest(), labels),
        checksums=checksums,
    )
    (folder / "labels.json").write_text(json.dumps(copy.to_dict()))
    return folder


def _sample(name: str, height: int, width: int) -> bytes:
    image = struct.pack("<5I", 4, 3, height, width, 3) + bytes(range(height * width * 3))
    label = struct.pack("<4I", 4, 2, height, width) + bytes([0, 1]) * (height * width // 2)
    parts = (name.encode(), image, label)
    return struct.pack("<3I", *map(len, parts)) + b"".join(parts)
