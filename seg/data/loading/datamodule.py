"""The loaders of one run, for Lightning's trainer or a plain loop."""

from functools import partial
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
        train, val: the splits; one that no loader is asked of may be None.
        augmentation: for training samples; None: unchanged.
        sampling: which training samples an epoch holds; None: each once.
        batch_size: training samples in a batch of each process.
        eval_batch_size: the same for evaluation; 1 where images differ in size.
        num_workers: reading processes of each loader; 0: read in this process.
        prefetch_factor: batches each worker reads ahead.
        pin_memory: page-lock batches, where there is a device.
        timeout_s: the longest wait for a batch, seconds.
        seed: of order and augmentation, not negative.

    Raises:
        ConfigError: no split at all, or splits whose label spaces differ.
    """

    def __init__(
        self,
        *,
        train: D | None = None,
        val: D | None = None,
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
        splits = {"train": train, "val": val}
        self._splits = {name: split for name, split in splits.items() if split is not None}
        if not self._splits:
            raise ConfigError("a DataModule needs train, val or both")
        if train is not None and val is not None and not train.labels.is_compatible(val.labels):
            raise ConfigError(
                f"splits {train.split!r} and {val.split!r} have different classes:"
                f" {train.labels.names} and {val.labels.names}"
            )
        self.labels: Classes = next(iter(self._splits.values())).labels
        self._augmentation = augmentation
        self._sampling = sampling
        self.batch_size = batch_size
        self._eval_batch_size = eval_batch_size
        self._load = partial(
            SegmentationLoader,
            num_workers=num_workers,
            prefetch_factor=prefetch_factor,
            pin_memory=pin_memory,
            timeout_s=timeout_s,
        )
        self._seed = seed
        self._train_order: EpochOrder | None = None
        self._position: OrderState | None = None

    def split(self, name: str) -> D:
        """Return the dataset of `train` or `val`.

        Raises:
            ConfigError: there is none.
        """
        if name not in self._splits:
            raise ConfigError(f"no dataset for split {name!r}; given: {', '.join(self._splits)}")
        return self._splits[name]

    def train_dataloader(self) -> SegmentationLoader:
        """Return a new loader of the training split, from epoch 0 or from a loaded state."""
        loader = self._loader("train", self.batch_size)
        if self._position is not None:
            loader.order.load_state_dict(self._position)
            self._position = None
        self._train_order = loader.order
        return loader

    def state_dict(self) -> dict[str, Any]:
        """Return the position of the newest training loader, for Lightning's checkpoints."""
        return {} if self._train_order is None else {"train": self._train_order.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the next training loader continue with the batch after those of a state.

        Lightning's own way, `load_state_dict` of the loader, comes too late where the loader was
        made to count the steps of the schedule.
        """
        self._position = state_dict.get("train")

    def val_dataloader(self) -> SegmentationLoader:
        """Return a loader of the validation split in its own order; each process has its share."""
        return self._loader("val", self._eval_batch_size)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Augment a training batch where the network computes; a hook of Lightning."""
        augmentation = self._augmentation
        on_device = augmentation.on_device if isinstance(augmentation, Augmentation) else None
        if not on_device or self.trainer is None or not self.trainer.training:
            return batch
        keys = list(zip(batch["epoch"].tolist(), batch["index"].tolist(), strict=True))
        image, label = on_device(batch["image"], batch["label"], seed=self._seed, keys=keys)
        return {**batch, "image": image, "label": label}

    def _loader(self, split: str, batch_size: int) -> SegmentationLoader:
        dataset, training, trainer = self.split(split), split == "train", self.trainer
        order = EpochOrder(
            len(dataset),
            batch_size=batch_size,
            seed=self._seed,
            shuffle=training,
            drop_last=training,
            sampling=self._sampling if training else None,
            rank=trainer.global_rank if trainer else 0,
            world_size=trainer.world_size if trainer else 1,
        )
        augmentation = self._augmentation if training else None
        samples = KeyedDataset(dataset, augmentation=augmentation, seed=self._seed)
        return self._load(samples, order)
