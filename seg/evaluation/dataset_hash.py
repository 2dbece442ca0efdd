"""Whether two evaluations were given the same pictures with the same labels."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.metrics.accumulator import Sums, checked_sum

_LANES = 8  # of 32 bits: a SHA-256 each picture


class SplitHash:
    """A hash of a set of labelled pictures: the same for any order and any share of processes."""

    def __init__(self) -> None:
        self._lanes = np.zeros(_LANES, np.int64)
        self._counts = np.zeros(2, np.int64)

    def update(self, name: str, label_HW: NDArray[np.uint8]) -> None:
        """Add a picture: its name, the size and the classes of its pixels."""
        height, width = label_HW.shape
        told = f"{len(name)} {name} {height} {width} ".encode()
        digest = hashlib.sha256(told + np.ascontiguousarray(label_HW).tobytes()).digest()
        self._lanes += np.frombuffer(digest, "<u4").astype(np.int64)
        self._counts += (1, height * width)

    @property
    def images(self) -> int:
        return int(self._counts[0])

    @property
    def pixels(self) -> int:
        return int(self._counts[1])

    def hexdigest(self) -> str:
        """SHA-256 over what was added."""
        return hashlib.sha256(self._lanes.astype("<i8").tobytes()).hexdigest()

    def sums(self) -> Sums:
        """`split`: the sums of the pictures' hashes; `counted`: pictures and pixels."""
        return {"split": self._lanes.copy(), "counted": self._counts.copy()}

    def load_sums(self, sums: Mapping[str, NDArray[Any]]) -> None:
        """Replace the state."""
        self._lanes = checked_sum(sums, "split", self._lanes.shape)
        self._counts = checked_sum(sums, "counted", self._counts.shape)
