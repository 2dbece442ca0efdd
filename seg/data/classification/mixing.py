"""Mixup and CutMix of whole batches where the network computes, and the loaders that mix."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from seg.data.classification.sample import ImageDataset
from seg.data.loading.datamodule import DataModule
from seg.data.loading.loader import Batch
from seg.errors import ConfigError


class Mixing:
    """Mixup (Zhang et al., 2018) or CutMix (Yun et al., ICCV 2019) of a batch.

    Each image is mixed with its neighbour in the batch, and so are their labels. The result is a
    function of the batch and of the run's seed, so that a run can be resumed.

    Args:
        num_classes: of the dataset.
        mixup_alpha: alpha of Mixup's beta distribution; 0: no Mixup.
        cutmix_alpha: alpha of CutMix's; 0: no CutMix.
        switch: share of the batches that CutMix has where both are there.
        probability: share of the batches that are mixed.

    Raises:
        ConfigError: a value outside those, or neither of the two.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        mixup_alpha: float = 0.0,
        cutmix_alpha: float = 0.0,
        switch: float = 0.5,
        probability: float = 1.0,
    ) -> None:
        from torchvision.transforms import v2

        if min(mixup_alpha, cutmix_alpha) < 0 or max(mixup_alpha, cutmix_alpha) == 0:
            raise ConfigError("mixup: give mixup_alpha or cutmix_alpha above 0, or leave mixup out")
        for name, share in (("switch", switch), ("probability", probability)):
            if not 0 <= share <= 1:
                raise ConfigError(f"mixup.{name}={share}; allowed: 0 to 1")
        self._num_classes = num_classes
        self._mixup = v2.MixUp(alpha=mixup_alpha) if mixup_alpha else None
        self._cutmix = v2.CutMix(alpha=cutmix_alpha) if cutmix_alpha else None
        self._switch = switch
        self._probability = probability

    def __call__(
        self, image_BCHW: Tensor, label: Tensor, *, key: tuple[int, int, int]
    ) -> tuple[Tensor, Tensor]:
        """Mix a batch.

        Args:
            image_BCHW: uint8, or float32 in 0..255.
            label: int64 B, or float32 B x classes.
            key: (seed of the run, epoch, index of the batch's first sample).

        Returns:
            images, uint8 where they are as before, else float32 in 0 to 255; labels, float32,
            B x classes.
        """
        if label.ndim == 1:
            label = torch.nn.functional.one_hot(label, self._num_classes).float()
        generator = np.random.default_rng(key)
        draw_mix, draw_switch = generator.random(2)
        if draw_mix >= self._probability:
            return image_BCHW, label
        mix: Any = self._mixup or self._cutmix
        if self._mixup is not None and self._cutmix is not None:
            mix = self._cutmix if draw_switch < self._switch else self._mixup
        with torch.random.fork_rng(devices=()):
            torch.default_generator.manual_seed(int(generator.integers(2**63)))
            image, mixed = mix(image_BCHW.float(), label)
        return image, mixed


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
