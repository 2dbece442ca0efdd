"""Fitting of albumentations' transforms to labels and images, and refusal of what cannot fit."""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import copy
import inspect
import random
from collections.abc import Iterator, Sequence
from typing import Any

import albumentations
import cv2
import numpy as np
from albumentations.augmentations.dropout.transforms import BaseDropout
from numpy.typing import NDArray

from seg.data.label_dtype import BYTE_IGNORE_INDEX, label_dtype
from seg.data.readers.value_range import PLAIN, RGB_CHANNELS, ImageDecoding
from seg.errors import ConfigError, error_summary

# these fill all channels with one number
_DROPOUTS = (BaseDropout, albumentations.ChannelDropout, albumentations.MaskDropout)
_NEAREST = (cv2.INTER_NEAREST, cv2.INTER_NEAREST_EXACT)
_BYTE = 255
_OPENCV_CHANNELS = 4  # of a color that OpenCV takes; further channels repeat it
_PROBE_PX = 64
_BEYOND = (-100.0, 355.0)  # values that images have which are not cut off


def leaves(transforms: Sequence[Any]) -> Iterator[Any]:
    """Yield the transforms at every depth (`OneOf`, `SomeOf`, `Sequential` hold others).

    Raises:
        ConfigError: an object that is no transform of albumentations.
    """
    for transform in transforms:
        if isinstance(transform, albumentations.BaseCompose):
            yield from leaves(transform.transforms)
        elif isinstance(transform, albumentations.BasicTransform):
            yield transform
        else:
            raise ConfigError(
                f"augmentation.transforms holds {type(transform).__name__}, which is not an"
                " albumentations transform\n  each entry needs a _target_ such as"
                " albumentations.HorizontalFlip"
            )


def check_transform(transform: Any) -> None:
    """Refuse unknown arguments, and an interpolation of labels that would invent classes.

    Raises:
        ConfigError: which it is.
    """
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


def set_fill(transform: Any, ignore_index: int, fill: float, channels: int = RGB_CHANNELS) -> None:
    """Fill outside of images: labels with the ignore index, images with a grey where 0 is left.

    Raises:
        ConfigError: a `fill_mask` that is a class.
    """
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
    current = getattr(transform, "fill", None)
    if current in (0, (0, 0, 0)):
        current = float(fill)
    elif channels == RGB_CHANNELS or not isinstance(current, int | float):
        return
    # A tuple: some transforms hand a number on to OpenCV, which fills the first channel only.
    is_dropout = isinstance(transform, _DROPOUTS)
    transform.fill = current if is_dropout else (current,) * min(channels, _OPENCV_CHANNELS)


def takes_unit_range(transform: Any) -> bool:
    """Return whether a transform takes floating-point images for 0..1.

    All of albumentations' that change pixels do, and those that fill with random values; geometry
    takes any values, and ours know the range.
    """
    return any(
        not hasattr(leaf, "full_scale")
        and (
            isinstance(leaf, albumentations.ImageOnlyTransform)
            or isinstance(getattr(leaf, "fill", None), str)
        )
        for leaf in leaves([transform])
    )


def set_unit_range(transform: Any) -> None:
    """Make our transforms and all fills of a transform expect images of 0..1."""
    for leaf in leaves([transform]):
        if hasattr(leaf, "full_scale"):
            leaf.full_scale = 1.0
        fill = getattr(leaf, "fill", None)
        if isinstance(fill, tuple):
            leaf.fill = tuple(value / _BYTE for value in fill)
        elif isinstance(fill, int | float):
            leaf.fill = fill / _BYTE


def check_images(transform: Any, decoding: ImageDecoding, crop: tuple[int, int] | None) -> None:
    """Refuse a transform that cannot change images of a data set, by a small image of its kind.

    Args:
        transform: without others inside, as `set_unit_range` left it where it takes that range.
        decoding: of the images, not of bytes of three channels.
        crop: of the results, which the transform may need an image as large as.

    Raises:
        ConfigError: it fails, or returns other channels, other numbers, or values cut off.
    """
    size = tuple(max(side, _PROBE_PX) for side in crop or (_PROBE_PX, _PROBE_PX))
    unit = takes_unit_range(transform)
    image = _probe_image((*size, decoding.channels), decoding, unit=unit)
    try:
        changed = _applied(transform, image)
    except Exception as error:
        if _fails(transform, _probe_image((*size, RGB_CHANNELS), PLAIN, unit=False)):
            return  # whatever the images: it needs more than an image and a label, or a larger one
        raise _unfit(transform, decoding, f": {error_summary(error)}") from error
    if changed.dtype != image.dtype:
        raise _unfit(transform, decoding, f": it returns {changed.dtype}; the network normalises")
    if changed.shape[2:] != image.shape[2:]:
        raise _unfit(
            transform,
            decoding,
            f": it returns {changed.shape[2] if changed.ndim > 2 else 1} channels",
        )
    fault = None if hasattr(transform, "full_scale") else _fault_of_values(image, changed, decoding)
    if fault is not None:
        raise _unfit(transform, decoding, fault)


def _fault_of_values(
    image: NDArray[Any], changed: NDArray[Any], decoding: ImageDecoding
) -> str | None:
    """Return what is wrong with the range of a result, in words; None: nothing."""
    low, high, span = float(changed.min()), float(changed.max()), float(np.ptp(image))
    margin = 0.01 if decoding.clip else 0.5  # of what resampling or noise may add
    if not image.min() - margin * span <= low <= high <= image.max() + margin * span:
        return ": its results are no images of 0..255; the network normalises"
    full_scale = 1.0 if image.max() < 2 else float(_BYTE)
    if not decoding.clip and low >= 0 and high <= full_scale:
        return ": it cuts off values beyond 0..255, which dataset.clip=false keeps"
    return None


def _probe_image(shape: tuple[int, ...], decoding: ImageDecoding, *, unit: bool) -> NDArray[Any]:
    low, high = (0.0, 255.0) if decoding.clip else _BEYOND
    coarse = np.random.default_rng(0).uniform(low, high, (8, 8, shape[2]))
    coarse[:4, 0], coarse[:4, -1] = low, high
    rows, columns = (np.arange(side) * 8 // side for side in shape[:2])
    pixels = coarse[rows][:, columns]  # in blocks, whose values blur keeps
    if decoding.dtype is np.uint8:
        return np.rint(pixels).astype(np.uint8)
    return np.asarray(pixels / _BYTE if unit else pixels, np.float32)


def _applied(transform: Any, image_HWC: NDArray[Any]) -> NDArray[Any]:
    transform = copy.deepcopy(transform)
    transform.p = 1.0
    transform.set_random_state(np.random.default_rng(0), random.Random(0))
    outside = getattr(transform, "fill_mask", None) or 0
    mask = np.zeros(image_HWC.shape[:2], label_dtype(outside))
    with np.errstate(invalid="ignore"):
        return np.asarray(transform(image=image_HWC, mask=mask)["image"])


def _fails(transform: Any, image_HWC: NDArray[Any]) -> bool:
    try:
        _applied(transform, image_HWC)
    except Exception:  # whatever a library raises
        return True
    return False


def _unfit(transform: Any, decoding: ImageDecoding, reason: str) -> ConfigError:
    kind = "bytes" if decoding.dtype is np.uint8 else "floating-point values"
    return ConfigError(
        f"augmentation.transforms: {type(transform).__name__} does not take images of"
        f" {decoding.channels} channels of {kind}{reason}\n"
        "  in its place: seg.data.transforms.band_jitter.BandJitter, RandomScaleCrop, and of"
        " albumentations\n"
        "  flips, turns, crops, Affine, Perspective, distortions, dropouts and Blur"
        + (", GaussianBlur, GaussNoise, RandomGamma" if decoding.clip else "")
    )
