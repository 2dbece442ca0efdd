"""Random numbers that belong to an image: the same in every run, order and process."""

import hashlib

import numpy as np
from numpy.typing import NDArray


def draws(seed: int, purpose: str, image: str | int, count: int) -> NDArray[np.uint64]:
    """Return uniform 64-bit integers that depend on the arguments alone.

    NumPy keeps the raw output of a bit generator the same in all versions, unlike that of its
    distributions. A longer draw starts with the shorter one.

    Args:
        seed: 0 or more.
        purpose: draws for different purposes are independent.
        image: name or index of the image.
        count: how many.
    """
    digest = hashlib.blake2b(f"{purpose}\0{image}".encode(), digest_size=16).digest()
    entropy = (seed, int.from_bytes(digest, "little"))
    generator = np.random.PCG64(np.random.SeedSequence(entropy))
    return np.asarray(generator.random_raw(count), np.uint64)
