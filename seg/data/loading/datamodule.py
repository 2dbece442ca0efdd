"""The loaders of one run, for Lightning's trainer or a plain loop."""

from typing import Any, Generic, TypeVar

import pytorch_lightning

from seg.data.loading.loader import Batch, KeyedDataset, SegmentationLoader, Transform
from seg.data.loading.resumable_sampler import EpochOrder, OrderState
from seg.data.loading.samplers import SamplingStrategy
from seg.data.sample import Classes, LabelledDataset
from seg.data.transforms.pipeline import Augmentation
from seg.errors import ConfigError

D = TypeVar("D", bound=LabelledDataset)


class DataModule(pytorch_lightning.LightningDataModule, Generic[D]):
    """Training and evaluation loaders over datasets that share their classes.

    Training shuffles, augments and drops a last incomplete batch (batch norm fails on one sample);
    evaluation does neither. The training loader's state is its position in the order, so that a
    resumed run goes on with the next batch. Use `Trainer(use_distributed_sampler=False)`: the order
    makes the shares of the processes.

    Args:
        train, val, test: the splits; those that no loader is asked of may be None.
        augmentation: for training samples; None: unchanged.
        sampling: which training samples an epoch holds; None: each once.
        batch_size: training samples a batch, on each process.
        eval_batch_size: the same for evaluation; 1 where pictures differ in size.
        num_workers: reading processes of each loader; 0: read in this process.
        prefetch_factor: batches each worker reads ahead.
        pin_memory: page-lock batches, where there is a device.
        timeout_s: how long a batch may be waited for.
        seed: of order and augmentation, not negative.

    Raises:
        ConfigError: no split at all, or splits whose label spaces differ.
    """

    def __init__(
        self,
        *,
        train: D | None = None,
        val: D | None = None,
        test: D | None = None,
        augmentation: Transform | None = None,
        sampling: SamplingStrategy | None = None,
        batch_size: int,
        eval_batch_size: int,
        num_workers: int,
        prefetch_factor: int,
        pin_memory: bool,
        timeout_s: float,
        seed: int,
    ) -> None:
        super().__init__()
        self._splits = {"train": train, "val": val, "test": test}
        self.labels = _common_labels([split for split in (train, val, test) if split is not None])
        self._augmentation = augmentation
        self._sampling = sampling
        self.batch_size = batch_size
        self._eval_batch_size = eval_batch_size
        self._num_workers = num_workers
        self._prefetch_factor = prefetch_factor
        self._pin_memory = pin_memory
        self._timeout_s = timeout_s
        self._seed = seed
        self._train_order: EpochOrder | None = None
        self._position: OrderState | None = None

    def split(self, name: str) -> D:
        """The dataset of `train`, `val` or `test`.

        Raises:
            ConfigError: there is none.
        """
        dataset = self._splits.get(name)
        if dataset is None:
            given = [key for key, value in self._splits.items() if value is not None]
            raise ConfigError(f"no dataset for split {name!r}; given: {', '.join(given)}")
        return dataset

    def train_dataloader(self) -> SegmentationLoader:
        """A fresh loader over the training split, at the start of epoch 0 or where a state says."""
        dataset = self.split("train")
        order = self._order(dataset, self.batch_size, training=True)
        if self._position is not None:
            order.load_state_dict(self._position)
            self._position = None
        self._train_order = order
        return self._loader(dataset, order, self._augmentation)

    def state_dict(self) -> dict[str, Any]:
        """Where the newest training loader stands; Lightning keeps it in every checkpoint."""
        return {} if self._train_order is None else {"train": self._train_order.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the next training loader go on with the batch after those of a state.

        Lightning's own way, `load_state_dict` of the loader, comes too late where the loader was
        made to count the steps of the schedule.
        """
        self._position = state_dict.get("train")

    def val_dataloader(self) -> SegmentationLoader:
        """The validation split, whole and in its own order; each process its share."""
        return self._eval_loader("val")

    def test_dataloader(self) -> SegmentationLoader:
        """The test split, whole and in its own order; each process its share."""
        return self._eval_loader("test")

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Lightning's hook: the part of the augmentation that runs where the network computes."""
        augmentation = self._augmentation
        on_device = augmentation.on_device if isinstance(augmentation, Augmentation) else None
        if not on_device or self.trainer is None or not self.trainer.training:
            return batch
        keys = list(zip(batch["epoch"].tolist(), batch["index"].tolist(), strict=True))
        image, label = on_device(batch["image"], batch["label"], seed=self._seed, keys=keys)
        return {**batch, "image": image, "label": label}

    def _eval_loader(self, name: str) -> SegmentationLoader:
        dataset = self.split(name)
        return self._loader(
            dataset, self._order(dataset, self._eval_batch_size, training=False), None
        )

    def _order(self, dataset: D, batch_size: int, *, training: bool) -> EpochOrder:
        trainer = self.trainer
        return EpochOrder(
            len(dataset),
            batch_size=batch_size,
            seed=self._seed,
            shuffle=training,
            drop_last=training,
            sampling=self._sampling if training else None,
            rank=trainer.global_rank if trainer else 0,
            world_size=trainer.world_size if trainer else 1,
        )

    def _loader(
        self, dataset: D, order: EpochOrder, augmentation: Transform | None
    ) -> SegmentationLoader:
        samples = KeyedDataset(dataset, augmentation=augmentation, seed=self._seed)
        return SegmentationLoader(
            samples,
            order,
            num_workers=self._num_workers,
            prefetch_factor=self._prefetch_factor,
            pin_memory=self._pin_memory,
            timeout_s=self._timeout_s,
        )


def _common_labels(datasets: list[D]) -> Classes:
    if not datasets:
        raise ConfigError("a DataModule needs at least one of train, val and test")
    labels = datasets[0].labels
    for other in datasets[1:]:
        if not labels.is_compatible(other.labels):
            raise ConfigError(
                f"splits {datasets[0].split!r} and {other.split!r} have different classes:"
                f" {labels.names} and {other.labels.names}"
            )
    return labels
