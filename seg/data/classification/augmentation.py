"""Random changes of training images, and the fixed crop for evaluation."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seg.data.classification.sample import ClassifiedImage, ClassNames, ImageDataset
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.data.transforms.by_channels import chosen_transforms
from seg.data.transforms.gpu_transforms import check_device_images
from seg.data.transforms.pipeline import SampleStreams
from seg.errors import ConfigError, DataError


class ImageAugmentation:
    """A pipeline of `torchvision.transforms.v2` for one image at a time.

    The result is a function of the sample and (seed, epoch, index) alone.

    Args:
        transforms: in order, and `ByChannels`; they give images of `size`; none: images pass
            unchanged.
        decoding: of the images; it decides which transforms of `ByChannels` are used.
        size: side of training images in pixels.
        eval_size: side of evaluated images in pixels; None: `size`.
        centre_share: share of the shorter side that the evaluated crop covers.

    Raises:
        ConfigError: an object that is no such transform, or a size or share outside its bounds.
    """

    def __init__(
        self,
        transforms: Sequence[Any] = (),
        *,
        size: int,
        decoding: ImageDecoding = PLAIN,
        eval_size: int | None = None,
        centre_share: float = 0.875,  # 224 of 256, as for AlexNet and most networks since
    ) -> None:
        from torchvision.transforms import v2

        transforms = chosen_transforms(transforms, decoding)
        for transform in transforms:
            if not isinstance(transform, v2.Transform):
                raise ConfigError(
                    f"classification_augmentation.transforms holds {type(transform).__name__}; "
                    "each entry needs a _target_ such as torchvision.transforms.v2.RandAugment"
                )
            if not decoding.clip and hasattr(transform, "clip"):
                transform.clip = decoding.clip
            check_device_images(transform, decoding, "classification_augmentation.transforms")
        if min(size, size if eval_size is None else eval_size) < 1:
            raise ConfigError(
                "classification_augmentation: size and eval_size must be 1 pixel or more"
            )
        if not 0 < centre_share <= 1:
            raise ConfigError(
                f"classification_augmentation.centre_share={centre_share}; allowed: above 0 up to 1"
            )
        self._transforms = tuple(transforms)
        self._streams = SampleStreams()
        self._decoding = decoding
        self.size = size
        self.eval_size = size if eval_size is None else eval_size
        self.centre_share = centre_share

    def __call__(self, sample: ClassifiedImage, seed: tuple[int, int, int]) -> ClassifiedImage:
        """Change an image.

        Args:
            sample: not modified.
            seed: (seed of the run, epoch, index of the sample), none negative.

        Raises:
            DataError: a transform fails on this image, or it does not come out as `size` x `size`
                of its own kind.
        """
        if not self._transforms:
            return sample
        from torchvision import tv_tensors

        decoding = self._decoding
        scale = (
            np.float32(255) if decoding.dtype is np.float32 else None
        )  # they take floats for 0..1
        pixels = sample.image if scale is None else sample.image / scale
        image: Any = tv_tensors.Image(torch.from_numpy(pixels).permute(2, 0, 1))
        try:
            with torch.random.fork_rng(devices=()):
                torch.default_generator.manual_seed(self._streams.at(seed)[1].getrandbits(63))
                for transform in self._transforms:
                    image = transform(image)
        except Exception as error:
            raise DataError(
                f"{sample.name}: augmentation failed on an image of {sample.image.shape[1]} x "
                f"{sample.image.shape[0]}: {error}\n  check classification_augmentation.transforms"
            ) from error
        changed_HWC = image.permute(1, 2, 0).contiguous().numpy()
        if scale is not None:
            changed_HWC = changed_HWC * scale
        expected = (self.size, self.size, decoding.channels)
        if changed_HWC.dtype != decoding.dtype or changed_HWC.shape != expected:
            raise DataError(
                f"classification_augmentation gives {changed_HWC.shape} {changed_HWC.dtype} for "
                f"{sample.name}; expected is {np.dtype(decoding.dtype)} of "
                f"{' x '.join(map(str, expected))}\n"
                "  begin with RandomResizedCrop to ${classification_augmentation.size}; the "
                "network normalises"
            )
        return replace(sample, image=changed_HWC)


class CentreCrops:
    """A dataset whose images are scaled and cut to a square in their middle, for evaluation.

    Args:
        dataset: images of any size.
        size: side of the results in pixels.
        centre_share: share of the shorter side that the crop covers.
    """

    def __init__(self, dataset: ImageDataset, *, size: int, centre_share: float) -> None:
        self._dataset = dataset
        self._size = size
        self._share = centre_share
        self.split = dataset.split
        self.labels: ClassNames = dataset.labels

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> ClassifiedImage:
        sample = self._dataset[index]
        return replace(sample, image=centre_crop(sample.image, self._size, self._share))


def centre_crop(image_HWC: NDArray[Any], size: int, share: float) -> NDArray[Any]:
    """Return the middle `share` of the shorter side, resized to `size` x `size`, bicubic.

    Cutting before resizing gives the same pixels as the other order, but for the rim. Results stay
    within the values of the cut, also where they are no bytes.
    """
    side = max(1, round(min(image_HWC.shape[:2]) * share))
    top, left = ((whole - side) // 2 for whole in image_HWC.shape[:2])
    cut = np.ascontiguousarray(image_HWC[top : top + side, left : left + side])
    if side == size:
        return cut
    from torchvision.transforms.v2 import InterpolationMode, functional

    image_CHW = functional.resize_image(
        torch.from_numpy(cut).permute(2, 0, 1),
        [size, size],
        interpolation=InterpolationMode.BICUBIC,
        antialias=True,
    )
    resized = image_CHW.permute(1, 2, 0).contiguous().numpy()
    if resized.dtype != np.uint8:
        np.clip(resized, cut.min(), cut.max(), out=resized)
    return np.asarray(resized)
