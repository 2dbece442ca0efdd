"""What encoders and decoders promise each other, and how an input is normalised."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, Protocol

import torch
from torch import Tensor

from seg.errors import brief


@dataclass(frozen=True)
class Normalization:
    """`(image / 255 - mean) / std` a channel, on uint8 images; it belongs to the weights.

    Xception takes [-1, 1]: mean = std = 0.5 (facts of the TensorFlow DeepLab and Keras releases).
    """

    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Sequence[float]]) -> "Normalization":
        """The reverse of `to_dict`.

        Raises:
            ValueError: not one mean and one positive deviation a channel, all of them finite.
        """
        try:
            mean, std = tuple(map(float, plain["mean"])), tuple(map(float, plain["std"]))
        except (KeyError, TypeError, ValueError, IndexError):
            raise ValueError(
                f"normalization is {brief(plain)}; a mean and a std of each channel are expected"
            ) from None
        finite = all(map(isfinite, (*mean, *std)))
        if not mean or len(mean) != len(std) or not finite or min(std) <= 0:
            raise ValueError(f"normalization of mean {mean} and std {std}")
        return cls(mean, std)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for checkpoints and cards."""
        return {key: list(values) for key, values in asdict(self).items()}

    def for_channels(self, in_channels: int) -> "Normalization":
        """The same for images of another number of channels: values repeat in turn."""
        turn = [index % len(self.mean) for index in range(in_channels)]
        return Normalization(
            tuple(self.mean[index] for index in turn), tuple(self.std[index] for index in turn)
        )

    def __call__(self, image_u8_BCHW: Tensor) -> Tensor:
        """B x C x H x W in 0..255 -> float32 of the same shape, on the same device."""
        # a trainer of low precision makes that the default, which would round the mean
        dtype = torch.promote_types(torch.get_default_dtype(), torch.float32)
        device = image_u8_BCHW.device
        mean = torch.tensor(self.mean, device=device, dtype=dtype).view(-1, 1, 1) * 255
        scale = 1 / (torch.tensor(self.std, device=device, dtype=dtype).view(-1, 1, 1) * 255)
        return (image_u8_BCHW.float() - mean) * scale


IMAGENET = Normalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and deviation of ImageNet's pictures, which most PyTorch projects normalise by."""


class Encoder(Protocol):
    """`forward(image_BCHW) -> list of maps`, the image first, then nominal strides 2, 4, ... 32.

    Attributes:
        channels: channels of each map; `channels[0]` is `in_channels`.
        strides: true stride of each map; never above `output_stride`.
        output_stride: stride of the last map.
        normalization: what the input must have gone through.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    output_stride: int
    normalization: Normalization

    def __call__(self, image_BCHW: Tensor) -> list[Tensor]: ...
