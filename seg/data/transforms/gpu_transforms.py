"""Augmentation of whole batches where the network computes, seeded per sample as on the CPU."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seg.data.readers.value_range import PLAIN, RGB_CHANNELS, ImageDecoding
from seg.errors import ConfigError, error_summary

_PROBE_PX = 32


class DeviceAugmentation:
    """Transforms of `torchvision.transforms.v2`, applied to each sample of a batch on its device.

    The result is a function of (seed, epoch, index), the same in every run on one kind of device.
    Images of floating-point values in 0..255 are divided by 255 around the transforms, which take
    them for 0..1.

    Args:
        transforms: modules that keep sizes, in order; labels are masks.
        decoding: of the images.
        key: where the transforms stand in the configuration, for messages.

    Raises:
        ConfigError: an object that is no such transform, one that pads (padding would be labelled
            as a class), or one that does not take such images.
    """

    def __init__(
        self,
        transforms: Sequence[Any],
        decoding: ImageDecoding = PLAIN,
        key: str = "augmentation.on_device",
    ) -> None:
        from torchvision.transforms import v2

        for transform in transforms:
            if not isinstance(transform, v2.Transform):
                raise ConfigError(
                    f"{key} holds {type(transform).__name__}; each entry needs a"
                    " _target_ such as torchvision.transforms.v2.ColorJitter"
                )
            if hasattr(transform, "fill"):
                raise ConfigError(
                    f"{key}: {type(transform).__name__} pads, and would label the"
                    " padding as a class\n  put such a transform into augmentation.transforms"
                )
            if not decoding.clip and hasattr(transform, "clip"):
                transform.clip = decoding.clip
            check_device_images(transform, decoding, key)
        self._transforms = nn.Sequential(*transforms)

    def __call__(
        self, image_BCHW: Tensor, label_BHW: Tensor, *, seed: int, keys: Sequence[tuple[int, int]]
    ) -> tuple[Tensor, Tensor]:
        """Change a batch.

        Args:
            image_BCHW: uint8, or float32 in 0..255, on any device.
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
            if (image.shape, image.dtype) != (image_BCHW.shape[1:], image_BCHW.dtype):
                raise ConfigError(
                    f"augmentation.on_device gives {tuple(image.shape)} {image.dtype} for"
                    f" {tuple(image_BCHW.shape[1:])} {str(image_BCHW.dtype).removeprefix('torch.')}"
                    "; it must keep both\n"
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
        is_float = image_CHW.is_floating_point()
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(state)
            image, label = self._transforms(
                [
                    tv_tensors.Image(image_CHW / 255 if is_float else image_CHW),
                    tv_tensors.Mask(label_HW),
                ]
            )
        image = image.as_subclass(Tensor)
        return image * 255 if is_float else image, label.as_subclass(Tensor)


def check_device_images(transform: Any, decoding: ImageDecoding, key: str) -> None:
    """Refuse a transform of torchvision that cannot change images of a data set.

    Raises:
        ConfigError: it fails on a small image, or cuts off values that the data set keeps.
    """
    is_float = decoding.dtype is np.float32
    if not is_float and decoding.channels == RGB_CHANNELS:
        return
    from torchvision import tv_tensors

    low, high = (0.0, 1.0) if decoding.clip else (-0.4, 1.4)
    image_CHW = torch.linspace(low, high, decoding.channels * _PROBE_PX**2)
    image_CHW = image_CHW.reshape(decoding.channels, _PROBE_PX, _PROBE_PX)
    if not is_float:
        image_CHW = (image_CHW * 255).to(torch.uint8)
    image = tv_tensors.Image(image_CHW)
    likely = copy.deepcopy(transform)
    if isinstance(getattr(likely, "p", None), float):
        likely.p = 1.0
    reason = "it cuts off values beyond 0..255, which dataset.clip=false keeps"
    try:
        with torch.random.fork_rng(devices=()):
            changed = likely(image)
        cut = not decoding.clip and changed.min() >= 0 and changed.max() <= 1
    except Exception as error:  # whatever the library raises
        cut, reason = True, error_summary(error)
    if cut:
        kind = "floating-point values" if is_float else "bytes"
        raise ConfigError(
            f"{key}: {type(transform).__name__} does not take images of {decoding.channels}"
            f" channels of {kind}: {reason}\n"
            "  in its place: seg.data.transforms.gpu_band_jitter.DeviceBandJitter, flips, crops and"
            " GaussianBlur"
        )
