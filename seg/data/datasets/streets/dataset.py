"""The embedded dataset: street scenes rendered from a seed."""

from collections.abc import Sequence

import numpy as np

from seg.data.datasets.cityscapes import TRAIN_IDS
from seg.data.datasets.streets.rng import Dice
from seg.data.datasets.streets.scene import render
from seg.data.sample import Sample
from seg.errors import ConfigError

MIN_SIZE_PX = 64
MAX_SIZE_PX = 4096


class Streets:
    """Street scenes in the 19 Cityscapes classes; no files, no downloads.

    A sample is a function of (seed, split, index, size) alone, the same bytes on every machine:
    only integer arithmetic and float operations that IEEE 754 fixes are used. Labels are exact to
    the pixel, since image and label are read from the same map of painted parts.

    Rendered samples stay in the memory of the process, up to `cache_mib`; a caller receives a
    copy. A forked worker starts with the samples that its parent has rendered.

    Args:
        split: "train", "val" or "test"; the splits share no scene.
        size: (height, width) in pixels, each at least 64.
        train_length, val_length, test_length: number of scenes.
        seed: another seed is another town.
        cache_mib: memory for rendered samples a process, 0 = none; 256 x 512 takes 0.5 a sample.

    Raises:
        ConfigError: an argument that is not allowed.
    """

    def __init__(
        self,
        *,
        split: str,
        size: Sequence[int] = (256, 512),
        train_length: int = 800,
        val_length: int = 100,
        test_length: int = 100,
        seed: int = 0,
        cache_mib: int = 512,
    ) -> None:
        lengths = {"train": train_length, "val": val_length, "test": test_length}
        if split not in lengths:
            raise ConfigError(f"streets: split is {split!r}; use one of {', '.join(lengths)}")
        for name, value in lengths.items():
            _check_whole(f"{name}_length", value, 1)
        _check_whole("seed", seed, 0)
        _check_whole("cache_mib", cache_mib, 0)
        self.labels = TRAIN_IDS
        self.split = split
        self.size = _check_size(size)
        self.seed = seed
        self._length = lengths[split]
        bytes_each = 4 * self.size[0] * self.size[1]
        self._capacity = (cache_mib << 20) // bytes_each
        self._rendered: dict[int, Sample] = {}

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Sample:
        if not -self._length <= index < self._length:
            raise IndexError(f"streets {self.split}: index {index} of {self._length} scenes")
        index %= self._length
        sample = self._rendered.get(index) or self._render(index)
        return Sample(sample.name, sample.image.copy(), sample.label.copy())

    def _render(self, index: int) -> Sample:
        dice = Dice("streets", 1, self.seed, self.split, index)
        image, label = render(dice, *self.size)
        sample = Sample(f"{self.split}_{index:05d}", image, label)
        if len(self._rendered) < self._capacity:
            self._rendered[index] = sample
        return sample

    def __getstate__(self) -> dict[str, object]:
        """Leave out rendered samples: they would be sent to each spawned worker."""
        return {**self.__dict__, "_rendered": {}}


def _check_whole(name: str, value: object, low: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ConfigError(f"streets: {name} is {value!r}; use a whole number of at least {low}")


def _check_size(size: Sequence[int]) -> tuple[int, int]:
    allowed = (
        f"use (height, width), whole numbers from {MIN_SIZE_PX} to {MAX_SIZE_PX}, e.g. [256, 512]"
    )
    if isinstance(size, str | bytes) or not isinstance(size, Sequence) or len(size) != 2:
        raise ConfigError(f"streets: size is {size!r}; {allowed}")
    height, width = size
    for side in (height, width):
        whole = isinstance(side, int | np.integer) and not isinstance(side, bool)
        if not whole or not MIN_SIZE_PX <= side <= MAX_SIZE_PX:
            raise ConfigError(f"streets: size is {size!r}; {allowed}")
    return int(height), int(width)
