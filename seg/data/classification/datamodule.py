"""The loaders of a classification run."""

from typing import Any

from seg.data.classification.mixing import Mixing
from seg.data.classification.sample import ImageDataset
from seg.data.loading.datamodule import DataModule
from seg.data.loading.loader import Batch


class ImageDataModule(DataModule[ImageDataset]):
    """A `DataModule` whose training batches are mixed where the network computes.

    Args:
        mixing: of whole batches; None: none.
        seed: of order, augmentation and mixing, not negative.
        choices: the other arguments of `DataModule`.
    """

    def __init__(self, *, mixing: Mixing | None, seed: int, **choices: Any) -> None:
        super().__init__(seed=seed, **choices)
        self._mixing = mixing
        self._mixing_seed = seed

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Mix a training batch where the network computes; a hook of Lightning."""
        if self._mixing is None or self.trainer is None or not self.trainer.training:
            return batch
        key = (self._mixing_seed, int(batch["epoch"][0]), int(batch["index"][0]))
        image, label = self._mixing(batch["image"], batch["label"], key=key)
        return {**batch, "image": image, "label": label}
