"""Random changes of a training sample, a function of (seed, epoch, index) and nothing else."""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # read once, when albumentations is imported

import copy
import inspect
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any, TypeAlias

import albumentations
import cv2
import numpy as np
from pydantic import AfterValidator

from seg.data.label_dtype import BYTE_IGNORE_INDEX, label_dtype
from seg.data.sample import Sample
from seg.data.transforms.gpu_transforms import DeviceAugmentation
from seg.errors import ConfigError, DataError

MEAN_COLOR = 128
"""The grey that padding of an image is filled with: about zero once normalised."""

_NEAREST = (cv2.INTER_NEAREST, cv2.INTER_NEAREST_EXACT)


def _height_width(crop: Sequence[int]) -> tuple[int, int]:
    if len(crop) != 2 or min(crop) < 1:
        raise ValueError("must be [height, width] in pixels, both 1 or more, or null")
    return int(crop[0]), int(crop[1])


CropSize: TypeAlias = Annotated[Sequence[int], AfterValidator(_height_width)]


class Augmentation:
    """A pipeline of albumentations transforms that knows the ignore index of the labels.

    In every transform that pads, `fill_mask` becomes the ignore index and a `fill` left at 0
    becomes the mean color; a `fill_mask` of None (labels stay as they are) is kept. An
    `ignore_index` of a transform left at 255 becomes that of the labels.

    Args:
        transforms: albumentations transforms, in order; none: samples pass unchanged.
        ignore_index: the label value of pixels outside the image.
        crop: `[height, width]` of every result in pixels; None: whatever the transforms give.
        fill: the grey value of pixels outside the image.
        on_device: transforms of `torchvision.transforms.v2` for whole batches, where the network
            computes.

    Raises:
        ConfigError: an argument that a transform does not know, a label interpolation that would
            invent classes, or a `fill_mask` that is a class.
    """

    def __init__(
        self,
        transforms: Sequence[Any] = (),
        *,
        ignore_index: int,
        crop: CropSize | None = None,
        fill: int = MEAN_COLOR,
        on_device: Sequence[Any] = (),
    ) -> None:
        self.ignore_index = ignore_index
        try:
            self.crop = None if crop is None else _height_width(crop)
        except ValueError as error:
            raise ConfigError(f"augmentation.crop={list(crop or ())}: {error}") from None
        transforms = copy.deepcopy(list(transforms))
        for transform in _leaves(transforms):
            _check_transform(transform)
            _set_fill(transform, ignore_index, fill)
        self._transforms = tuple(transforms)
        self._streams = SampleStreams()
        self.on_device = DeviceAugmentation(on_device) if on_device else None

    def __call__(self, sample: Sample, seed: tuple[int, int, int]) -> Sample:
        """Change a sample.

        Args:
            sample: uint8 image H x W x 3 and label H x W; not modified.
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
            for transform in self._transforms:
                transform.set_random_state(*generators)
                data = transform(**data)
        except Exception as error:
            raise DataError(
                f"{sample.name}: augmentation failed on an image of {sample.image.shape[1]} x"
                f" {sample.image.shape[0]}: {error}\n  check augmentation.transforms"
            ) from error
        return self._checked(replace(sample, image=data["image"], label=data["mask"]))

    def _checked(self, sample: Sample) -> Sample:
        image, label = sample.image, sample.label
        label_kind = np.dtype(label_dtype(self.ignore_index))
        if image.dtype != np.uint8 or label.dtype != label_kind:
            expected = "uint8 and uint16" if label_kind != np.uint8 else "uint8"
            raise ConfigError(
                f"augmentation turned {sample.name} into {image.dtype} pixels and {label.dtype}"
                f" labels; both must stay {expected}\n  leave out Normalize, ToFloat and"
                " ToTensorV2: the network normalises"
            )
        if image.ndim != 3 or image.shape[:2] != label.shape:
            raise ConfigError(
                f"augmentation turned {sample.name} into an image {image.shape} and a label"
                f" {label.shape}; they must be H x W x 3 and H x W\n  check augmentation.transforms"
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

    def at(self, seed: tuple[int, int, int]) -> tuple[np.random.Generator, random.Random]:
        """Return both generators at the start of a sample's numbers; valid until the next call."""
        self._start["state"]["counter"][1:] = seed
        self._bits.state = self._start
        self._random.seed(int(self._bits.random_raw()))
        return self._generator, self._random


def _leaves(transforms: Sequence[Any]) -> Iterator[Any]:
    """Yield the transforms at every depth (`OneOf`, `SomeOf`, `Sequential` hold others)."""
    for transform in transforms:
        if isinstance(transform, albumentations.BaseCompose):
            yield from _leaves(transform.transforms)
        elif isinstance(transform, albumentations.BasicTransform):
            yield transform
        else:
            raise ConfigError(
                f"augmentation.transforms holds {type(transform).__name__}, which is not an"
                " albumentations transform\n  each entry needs a _target_ such as"
                " albumentations.HorizontalFlip"
            )


def _check_transform(transform: Any) -> None:
    if transform.invalid_args:
        parameters = list(inspect.signature(type(transform)).parameters)
        raise ConfigError(
            f"{type(transform).__name__} does not know: {', '.join(transform.invalid_args)}\n"
            f"  allowed: {', '.join(parameters)}"
        )
    if getattr(transform, "mask_interpolation", cv2.INTER_NEAREST) not in _NEAREST:
        raise ConfigError(
            f"{type(transform).__name__}: mask_interpolation {transform.mask_interpolation} mixes"
            " class ids into other classes\n  leave it out, or use 0 (nearest) or 6 (nearest exact)"
        )


def _set_fill(transform: Any, ignore_index: int, fill: int) -> None:
    fill_mask = getattr(transform, "fill_mask", None)
    if fill_mask is not None:
        if fill_mask not in (0, ignore_index):
            raise ConfigError(
                f"{type(transform).__name__}: fill_mask {fill_mask} labels padding as a class\n"
                f"  leave it out: padding is given the ignore index {ignore_index}"
            )
        transform.fill_mask = ignore_index
    if getattr(transform, "ignore_index", None) == BYTE_IGNORE_INDEX:
        transform.ignore_index = ignore_index
    if getattr(transform, "fill", None) in (0, (0, 0, 0)):
        # A triple: some transforms hand a number on to OpenCV, which fills the first channel only.
        transform.fill = (float(fill),) * 3
