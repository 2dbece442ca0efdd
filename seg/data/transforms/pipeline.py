"""Random changes of a training sample, a function of (seed, epoch, index) and nothing else."""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # read once, when albumentations is imported

import copy
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, TypeAlias

import numpy as np
from pydantic import AfterValidator

from seg.data.label_dtype import label_dtype
from seg.data.readers.value_range import PLAIN, RGB_CHANNELS, ImageDecoding
from seg.data.readers.value_scaling import NO_DATA_FILL
from seg.data.sample import Sample
from seg.data.transforms.by_channels import chosen_transforms
from seg.data.transforms.gpu_transforms import DeviceAugmentation
from seg.data.transforms.transform_checks import (
    check_images,
    check_transform,
    leaves,
    set_fill,
    set_unit_range,
    takes_unit_range,
)
from seg.errors import ConfigError, DataError

MEAN_COLOR = 128
"""The grey that padding of an image of bytes is filled with: about zero once normalised."""

_FULL_SCALE = np.float32(255)


def _height_width(crop: Sequence[int]) -> tuple[int, int]:
    if len(crop) != 2 or min(crop) < 1:
        raise ValueError("must be [height, width] in pixels, both 1 or more, or null")
    return int(crop[0]), int(crop[1])


Generators: TypeAlias = tuple[np.random.Generator, random.Random]
CropSize: TypeAlias = Annotated[Sequence[int], AfterValidator(_height_width)]


class Augmentation:
    """A pipeline of albumentations transforms that knows the ignore index of the labels.

    In every transform that pads, `fill_mask` becomes the ignore index and a `fill` left at 0
    becomes the mean color; a `fill_mask` of None (labels stay as they are) is kept. An
    `ignore_index` of a transform left at 255 becomes that of the labels.

    Images of floating-point values in 0..255 are divided by 255 around transforms that take them
    for 0..1, as all of albumentations' do that change pixels.

    Args:
        transforms: albumentations transforms and `ByChannels`, in order; none: samples pass
            unchanged.
        ignore_index: the label value of pixels outside the image.
        decoding: of the images; it decides which transforms of `ByChannels` are used.
        crop: `[height, width]` of every result in pixels; None: whatever the transforms give.
        fill: the value of pixels outside the image, in all channels; None: 128, and 127.5 in
            images of floating-point values.
        on_device: transforms of `torchvision.transforms.v2` and `ByChannels` for whole batches,
            where the network computes.

    Raises:
        ConfigError: an argument that a transform does not know, a label interpolation that would
            invent classes, a `fill_mask` that is a class, or a transform that does not take
            images of so many channels or of such values.
    """

    def __init__(
        self,
        transforms: Sequence[Any] = (),
        *,
        ignore_index: int,
        decoding: ImageDecoding = PLAIN,
        crop: CropSize | None = None,
        fill: float | None = None,
        on_device: Sequence[Any] = (),
    ) -> None:
        self.ignore_index = ignore_index
        self.decoding = decoding
        try:
            self.crop = None if crop is None else _height_width(crop)
        except ValueError as error:
            raise ConfigError(f"augmentation.crop={list(crop or ())}: {error}") from None
        transforms = copy.deepcopy(chosen_transforms(transforms, decoding))
        is_float = decoding.dtype is np.float32
        if fill is None:
            fill = NO_DATA_FILL if is_float else MEAN_COLOR
        for transform in leaves(transforms):
            check_transform(transform)
            set_fill(transform, ignore_index, fill, decoding.channels)
            if hasattr(transform, "full_scale"):
                transform.clip = decoding.clip
        self._in_unit_range = tuple(is_float and takes_unit_range(each) for each in transforms)
        for transform, in_unit_range in zip(transforms, self._in_unit_range, strict=True):
            if in_unit_range:
                set_unit_range(transform)
        if is_float or decoding.channels != RGB_CHANNELS:
            for transform in leaves(transforms):
                check_images(transform, decoding, self.crop)
        self._transforms = tuple(transforms)
        self._kinds = (np.dtype(decoding.dtype), np.dtype(label_dtype(ignore_index)))
        self._channels = decoding.channels
        self._streams = SampleStreams()
        on_device = chosen_transforms(on_device, decoding)
        self.on_device = DeviceAugmentation(on_device, decoding) if on_device else None

    def __call__(self, sample: Sample, seed: tuple[int, int, int]) -> Sample:
        """Change a sample.

        Args:
            sample: image H x W x C as `decoding` says, and label H x W; not modified.
            seed: (seed of the run, epoch, index of the sample), none negative.

        Raises:
            DataError: a transform fails on this sample, or gives another size than `crop`.
        """
        if not self._transforms:
            return self._checked(sample)
        # One pair of generators for all: albumentations' own seeding would give every transform the
        # same numbers, so that a flip would always come with, say, a bright image.
        generators = self._streams.at(seed)
        data: dict[str, Any] = {"image": sample.image, "mask": sample.label}
        try:
            if any(self._in_unit_range):
                data = self._transformed(data, generators)
            else:
                for transform in self._transforms:
                    transform.set_random_state(*generators)
                    data = transform(**data)
        except Exception as error:
            raise DataError(
                f"{sample.name}: augmentation failed on an image of {sample.image.shape[1]} x"
                f" {sample.image.shape[0]}: {error}\n  check augmentation.transforms"
            ) from error
        return self._checked(replace(sample, image=data["image"], label=data["mask"]))

    def _transformed(self, data: dict[str, Any], generators: Generators) -> dict[str, Any]:
        """Apply the transforms, each to an image of the range that it takes."""
        unit = False
        for transform, in_unit_range in zip(self._transforms, self._in_unit_range, strict=True):
            if in_unit_range != unit:
                image, unit = data["image"], in_unit_range
                data["image"] = image / _FULL_SCALE if unit else image * _FULL_SCALE
            transform.set_random_state(*generators)
            data = transform(**data)
        if unit:
            data["image"] = data["image"] * _FULL_SCALE
        return data

    def _checked(self, sample: Sample) -> Sample:
        image, label = sample.image, sample.label
        if (image.dtype, label.dtype) != self._kinds:
            raise ConfigError(
                f"augmentation turned {sample.name} into {image.dtype} pixels and {label.dtype}"
                f" labels; both must stay {' and '.join(dict.fromkeys(map(str, self._kinds)))}\n"
                "  leave out Normalize, ToFloat and"
                " ToTensorV2: the network normalises"
            )
        if image.shape != (*label.shape, self._channels) or label.ndim != 2:
            raise ConfigError(
                f"augmentation turned {sample.name} into an image {image.shape} and a label"
                f" {label.shape}; they must be H x W x {self._channels} and H x W\n"
                "  check augmentation.transforms"
            )
        if self.crop is not None and label.shape != self.crop:
            raise ConfigError(
                f"augmentation gives {label.shape[1]} x {label.shape[0]} (width x height) for"
                f" {sample.name}, augmentation.crop says {self.crop[1]} x {self.crop[0]}\n"
                "  end the transforms with a crop to ${augmentation.crop}, or set crop to null"
            )
        return sample


class SampleStreams:
    """Independent random numbers for every (seed, epoch, index), at the cost of setting a counter.

    Philox (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011) is a function of
    its counter of 256 bits: three quarters of it name the sample, the last one counts its numbers.
    """

    def __init__(self) -> None:
        self._bits = np.random.Philox(key=0)
        self._start = self._bits.state  # with an empty buffer
        self._generator = np.random.Generator(self._bits)
        self._random = random.Random()

    def at(self, seed: tuple[int, int, int]) -> Generators:
        """Return both generators at the start of a sample's numbers; valid until the next call."""
        self._start["state"]["counter"][1:] = seed
        self._bits.state = self._start
        self._random.seed(int(self._bits.random_raw()))
        return self._generator, self._random
