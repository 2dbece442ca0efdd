"""The order of samples: a function of (seed, epoch), so that runs can resume."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from torch.utils.data import Sampler

from seg.data.loading.samplers import SamplingStrategy
from seg.errors import ConfigError


@dataclass(frozen=True, slots=True)
class SampleKey:
    """A sample and an epoch: all that its augmentation depends on besides the seed."""

    epoch: int
    index: int


class OrderState(TypedDict):
    """The position of a run: batches of `epoch` that were delivered on each rank."""

    epoch: int
    batches: int


class EpochOrder(Sampler[list[SampleKey]]):
    """Batches of sample keys, a batch sampler for a DataLoader.

    The samples are cut into steps of `batch_size * world_size`, of which each rank takes its share:
    no two ranks see the same sample in an epoch. With `shuffle` every rank is given the same number
    of batches, so that none waits for another (at most `world_size - 1` samples are left out).

    Call `advance` after each delivered batch: loaders fetch ahead, so the order cannot count them.
    Each complete pass is followed by the next epoch; an interrupted pass starts again.

    Args:
        length: number of samples of the dataset.
        batch_size: samples a batch on each rank.
        seed: of the run, not negative.
        shuffle: a new random order every epoch (training) or the dataset's own (evaluation).
        drop_last: leave out a last step that is not full.
        sampling: which samples an epoch holds where `shuffle` is set; None: each once.
        rank, world_size: this process among all.

    Raises:
        ConfigError: a size below 1, a negative seed, a rank outside the world, or, in training,
            a step that is larger than the dataset; fewer samples than processes.
    """

    def __init__(
        self,
        length: int,
        *,
        batch_size: int,
        seed: int,
        shuffle: bool,
        drop_last: bool,
        sampling: SamplingStrategy | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if length < 1:
            raise ConfigError("there are no samples to put in order: the dataset is empty")
        if batch_size < 1:
            raise ConfigError(f"loader.batch_size {batch_size} must be 1 or more")
        if seed < 0:
            raise ConfigError(f"seed {seed} must be 0 or more")
        if not 0 <= rank < world_size:
            raise ConfigError(f"rank {rank} is not within 0 to {world_size - 1}")
        self.batch_size = batch_size
        self._indices = length
        self._seed = seed
        self._shuffle = shuffle
        self._drop_last = drop_last
        self._sampling = sampling
        self._rank = rank
        self._world_size = world_size
        self._epoch = 0
        self._delivered = 0
        self._start = 0
        if (shuffle or drop_last) and self._step > length:
            ranks = f" on each of {world_size} processes" if world_size > 1 else ""
            raise ConfigError(
                f"loader.batch_size {batch_size}{ranks} is larger than the {length} samples\n"
                f"  allowed: 1 to {length // world_size}"
            )
        if length < world_size:
            raise ConfigError(
                f"{length} samples to score for {world_size} processes: one would wait in vain\n"
                f"  give trainer.devices={length} or fewer, or a larger split"
            )

    @property
    def sampler(self) -> "EpochOrder":
        """Return itself: Lightning calls `set_epoch` on a batch sampler's `sampler`."""
        return self

    @property
    def _step(self) -> int:
        return self.batch_size * self._world_size

    @property
    def _used(self) -> int:
        """Return how many samples an epoch delivers, over all ranks."""
        rest = self._indices % self._step
        if self._drop_last:
            return self._indices - rest
        return self._indices - (rest % self._world_size if self._shuffle else 0)

    def __len__(self) -> int:
        """Return the batches of an epoch on this rank, those before a resumed position included."""
        full, rest = divmod(self._used, self._step)
        return full + (rest > self._rank)

    def __iter__(self) -> Iterator[list[SampleKey]]:
        if self._start == 0 and self._delivered >= len(self):
            self.set_epoch(self._epoch + 1)
        start, self._start = self._start, 0
        epoch = self._epoch
        generator = np.random.default_rng((self._seed, epoch))
        if not self._shuffle:
            order = np.arange(self._indices)
        elif self._sampling is not None:
            order = self._sampling.draw(generator)
        else:
            order = generator.permutation(self._indices)
        self._delivered = start
        for first in range(start * self._step, self._used, self._step):
            last = min(first + self._step, self._used)
            batch = order[first + self._rank : last : self._world_size]
            if len(batch):
                yield [SampleKey(epoch, int(index)) for index in batch]

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of an epoch; the current one again changes nothing."""
        if epoch != self._epoch:
            self._epoch, self._delivered, self._start = epoch, 0, 0

    def advance(self) -> None:
        """Count one more delivered batch."""
        self._delivered += 1

    def state_dict(self) -> OrderState:
        """Return the epoch and how many of its batches were delivered."""
        return {"epoch": self._epoch, "batches": self._delivered}

    def load_state_dict(self, state: OrderState) -> None:
        """Continue after the batches of `state`; after the last one, with the next epoch."""
        self._epoch = state["epoch"]
        self._delivered = state["batches"]
        self._start = self._delivered if self._delivered < len(self) else 0
