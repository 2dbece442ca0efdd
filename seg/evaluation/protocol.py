"""Protocols: the conditions under which scores were computed; only equal ones are compared."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.label_space import LabelSpace
from seg.data.readers.sha256 import sha256_of
from seg.inference.inference import Inference
from seg.metrics.accumulator import Sums, checked_sum

BOUNDARY_RATIO = 0.02  # Cheng et al., CVPR 2021, for images of streets and everyday scenes
TRIMAP_PX = 5
_LANES = 8  # of 32 bits: one SHA-256 an image


class SplitHash:
    """Hash of a set of labelled images, by which evaluations on other ones are told apart.

    It is the same for any order and any number of processes.
    """

    def __init__(self) -> None:
        self._lanes = np.zeros(_LANES, np.int64)
        self._counts = np.zeros(2, np.int64)

    def update(self, name: str, label_HW: NDArray[Any]) -> None:
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


def protocol(
    labels: LabelSpace, split: SplitHash, split_name: str, inference: Inference
) -> dict[str, Any]:
    """Return what two evaluations must share to be comparable; plain data.

    Images are scored at the size of their labels.
    """
    sigmoid = {"mode": labels.mode, "outputs": list(labels.output_names)}
    return {
        "split": split_name,
        "split_sha256": split.hexdigest(),
        "images": split.images,
        "pixels": split.pixels,
        "classes": list(labels.names),
        "label_map": [list(pair) for pair in labels.file_ids],
        "ignore_index": labels.ignore_index,
        "resolution": "labels",
        "inference": inference.describe(),
        "boundary_ratio": BOUNDARY_RATIO,
        "trimap_px": TRIMAP_PX,
        **({} if labels.outputs is None else sigmoid),
    }


def checkpoint_facts(path: Path, step: int) -> dict[str, Any]:
    """Return which network was evaluated; plain data."""
    return {"path": str(path), "sha256": sha256_of(path), "step": step}


def differences(
    first: Mapping[str, Any], second: Mapping[str, Any], prefix: str = ""
) -> dict[str, tuple[Any, Any]]:
    """Return the dotted keys under which two protocols differ, with both values."""
    unlike: dict[str, tuple[Any, Any]] = {}
    for key in sorted(first.keys() | second.keys()):
        one, other = first.get(key), second.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            unlike |= differences(one, other, f"{prefix}{key}.")
        elif one != other:
            unlike[f"{prefix}{key}"] = (one, other)
    return unlike
