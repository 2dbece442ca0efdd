"""Random draws that are the same on every machine and in every version of Python and NumPy."""

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Draws keyed by any values, e.g. `Dice(seed, "val", 12)`.

    Only `random.Random.random` is used, whose sequence Python promises to keep; NumPy's generators
    make no such promise.
    """

    def __init__(self, *key: object) -> None:
        digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
        self.unit = random.Random(int.from_bytes(digest, "big")).random

    def between(self, low: float, high: float) -> float:
        """Return a number from `low` to `high`."""
        return low + (high - low) * self.unit()

    def whole(self, low: int, high: int) -> int:
        """Return an integer from `low` to `high`, both included."""
        return low + int(self.unit() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """Return True with a probability."""
        return self.unit() < probability

    def sign(self) -> int:
        """Return 1 or -1."""
        return 1 if self.unit() < 0.5 else -1

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options, each as likely."""
        return options[int(self.unit() * len(options))]

    def weighted(self, options: Sequence[tuple[T, float]]) -> T:
        """Return the option of one of the `(option, weight)` pairs."""
        total = 0.0  # not sum(): Python 3.12 changed how it rounds
        for _, weight in options:
            total += weight
        rest = self.unit() * total
        for option, weight in options:
            rest -= weight
            if rest < 0:
                return option
        return options[-1][0]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in random order."""
        rest = list(items)
        return [rest.pop(int(self.unit() * len(rest))) for _ in range(len(rest))]

    def vary(self, color: tuple[int, int, int], spread: int) -> tuple[int, int, int]:
        """Return a color near `color`: mostly lighter or darker, a little off in hue."""
        unit, wide, narrow = self.unit, 2.0 * spread, 0.5 * spread
        value = unit() * wide - spread - 0.25 * spread
        red, green, blue = color
        return (
            max(4, min(251, int(red + value + unit() * narrow))),
            max(4, min(251, int(green + value + unit() * narrow))),
            max(4, min(251, int(blue + value + unit() * narrow))),
        )
