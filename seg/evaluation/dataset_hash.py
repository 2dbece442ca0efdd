"""Hash of a split, by which evaluations on other images or labels are header apart."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.metrics.accumulator import Sums, checked_sum

_LANES = 8  # of 32 bits: one SHA-256 an image


class SplitHash:
    """Hash of a set of labelled images, the same for any order and any number of processes."""

    def __init__(self) -> None:
        self._lanes = np.zeros(_LANES, np.int64)
        self._counts = np.zeros(2, np.int64)

    def update(self, name: str, label_HW: NDArray[np.uint8]) -> None:
        """Add an image: its name, the size and the classes of its pixels."""
        height, width = label_HW.shape
        header = f"{len(name)} {name} {height} {width} ".encode()
        digest = hashlib.sha256(header + np.ascontiguousarray(label_HW).tobytes()).digest()
        self._lanes += np.frombuffer(digest, "<u4").astype(np.int64)
        self._counts += (1, height * width)

    @property
    def images(self) -> int:
        """Return the number of images."""
        return int(self._counts[0])

    @property
    def pixels(self) -> int:
        """Return the number of pixels."""
        return int(self._counts[1])

    def hexdigest(self) -> str:
        """Return the SHA-256 of all that was added."""
        return hashlib.sha256(self._lanes.astype("<i8").tobytes()).hexdigest()

    def sums(self) -> Sums:
        """Return `split`, the sums of the images' hashes, and `counted`, images and pixels."""
        return {"split": self._lanes.copy(), "counted": self._counts.copy()}

    def load_sums(self, sums: Mapping[str, NDArray[Any]]) -> None:
        """Replace the state by sums."""
        self._lanes = checked_sum(sums, "split", self._lanes.shape)
        self._counts = checked_sum(sums, "counted", self._counts.shape)
