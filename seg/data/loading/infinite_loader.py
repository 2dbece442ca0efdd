"""An endless stream of training batches, whose position a checkpoint stores."""

from collections.abc import Iterator
from functools import partial

from torch import distributed

from seg.data.loading.loader import Batch, KeyedDataset, SegmentationLoader
from seg.data.loading.resumable_sampler import EpochOrder, OrderState
from seg.data.sample import SegmentationDataset
from seg.data.transforms.pipeline import Augmentation


class EndlessBatches:
    """Shuffled, augmented batches of a dataset without end; incomplete ones are dropped.

    Processes of a group take different samples of the same order. Reading starts with the first
    batch, when the process group exists.

    `batch_size` counts the samples of one process; the loading options are those of
    `SegmentationLoader`.
    """

    def __init__(
        self,
        dataset: SegmentationDataset,
        *,
        augmentation: Augmentation,
        batch_size: int,
        seed: int,
        num_workers: int,
        prefetch_factor: int,
        pin_memory: bool,
        timeout_s: float,
    ) -> None:
        self._samples = KeyedDataset(dataset, augmentation=augmentation, seed=seed)
        self._batch_size = batch_size
        self._seed = seed
        self._load = partial(
            SegmentationLoader,
            self._samples,
            num_workers=num_workers,
            prefetch_factor=prefetch_factor,
            pin_memory=pin_memory,
            timeout_s=timeout_s,
        )
        self._state: OrderState = {"epoch": 0, "batches": 0}
        self._loader: SegmentationLoader | None = None
        self._batches: Iterator[Batch] = self._iterate()

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        """Return the next batch.

        Raises:
            ConfigError: a step takes more samples than there are.
            DataError: a file of the batch is missing or damaged.
        """
        return next(self._batches)

    def state_dict(self) -> OrderState:
        """Return how much of the order was delivered."""
        return self._state if self._loader is None else self._loader.state_dict()

    def load_state_dict(self, state: OrderState) -> None:
        """Continue with the batch after those of `state`."""
        self._state = state
        self._loader = None
        self._batches = self._iterate()

    def _iterate(self) -> Iterator[Batch]:
        grouped = distributed.is_available() and distributed.is_initialized()
        order = EpochOrder(
            len(self._samples),
            batch_size=self._batch_size,
            seed=self._seed,
            shuffle=True,
            drop_last=True,
            rank=distributed.get_rank() if grouped else 0,
            world_size=distributed.get_world_size() if grouped else 1,
        )
        order.load_state_dict(self._state)
        self._loader = self._load(order)
        while True:
            yield from self._loader
