"""Augmentation of whole batches where the network computes, seeded per sample as on the CPU."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seg.errors import ConfigError


class DeviceAugmentation:
    """Transforms of `torchvision.transforms.v2`, applied to each sample of a batch on its device.

    The result is a function of (seed, epoch, index), the same in every run on one kind of device.

    Args:
        transforms: modules that keep sizes, in order; images are uint8, labels masks.

    Raises:
        ConfigError: an object that is no such transform, or one that pads: padding would be
            labelled as a class.
    """

    def __init__(self, transforms: Sequence[Any]) -> None:
        from torchvision.transforms import v2

        for transform in transforms:
            if not isinstance(transform, v2.Transform):
                raise ConfigError(
                    f"augmentation.on_device holds {type(transform).__name__}; each entry needs a"
                    " _target_ such as torchvision.transforms.v2.ColorJitter"
                )
            if hasattr(transform, "fill"):
                raise ConfigError(
                    f"augmentation.on_device: {type(transform).__name__} pads, and would label the"
                    " padding as a class\n  put such a transform into augmentation.transforms"
                )
        self._transforms = nn.Sequential(*transforms)

    def __call__(
        self, image_BCHW: Tensor, label_BHW: Tensor, *, seed: int, keys: Sequence[tuple[int, int]]
    ) -> tuple[Tensor, Tensor]:
        """Change a batch.

        Args:
            image_BCHW: uint8, on any device.
            label_BHW: uint8, on the same device.
            seed: of the run.
            keys: (epoch, index) of each sample.

        Raises:
            ConfigError: the transforms give another size or kind of number.
        """
        changed = [
            self._transform(image, label, (seed, *key))
            for image, label, key in zip(image_BCHW, label_BHW, keys, strict=True)
        ]
        for image, label in changed:
            if (image.shape, image.dtype) != (image_BCHW.shape[1:], torch.uint8):
                raise ConfigError(
                    f"augmentation.on_device gives {tuple(image.shape)} {image.dtype} for"
                    f" {tuple(image_BCHW.shape[1:])} uint8; it must keep both\n"
                    "  crop in augmentation.transforms; the network normalises"
                )
            if label.shape != image.shape[1:]:
                raise ConfigError("augmentation.on_device turns images and labels differently")
        images = torch.stack([image for image, _ in changed])
        memory_format = (
            torch.channels_last
            if image_BCHW.is_contiguous(memory_format=torch.channels_last)
            else torch.contiguous_format
        )
        labels = torch.stack([label for _, label in changed])
        return images.contiguous(memory_format=memory_format), labels

    def _transform(
        self, image_CHW: Tensor, label_HW: Tensor, key: tuple[int, int, int]
    ) -> tuple[Tensor, Tensor]:
        from torchvision import tv_tensors

        state = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)
        devices = [image_CHW.device] if image_CHW.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(state)
            image, label = self._transforms(
                [tv_tensors.Image(image_CHW), tv_tensors.Mask(label_HW)]
            )
        return image.as_subclass(Tensor), label.as_subclass(Tensor)
