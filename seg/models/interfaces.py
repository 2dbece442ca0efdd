"""What encoders and decoders promise each other, and how an input is normalized."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite, lcm
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from seg.errors import ConfigError, brief, error_summary
from seg.models.input_bands import COLORS, InputBands, input_bands, is_complete, positions

_PROBE_PX = 128
_MOST_FAULTS = 4


@dataclass(frozen=True)
class Normalization:
    """`(image / 255 - mean) / std` a channel, on uint8 images; it belongs to the weights.

    Xception takes [-1, 1]: mean = std = 0.5 (facts of the TensorFlow DeepLab and Keras releases).
    """

    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Sequence[float]]) -> "Normalization":
        """Return what `to_dict` has written.

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
        """Return that of images of another number of channels, see `for_bands`."""
        if in_channels == len(self.mean):
            return self
        return self.for_bands(input_bands(in_channels))

    def reordered(self, own: InputBands | None, bands: InputBands) -> "Normalization":
        """Return that of other bands or of another order of the own ones.

        Args:
            own: bands that this is for; None: red, green and blue, or `bands` where it has as
                many that are more than three.
            bands: of the result.
        """
        count = len(self.mean)
        if own is None:
            own = bands if count == len(bands) != len(COLORS) else input_bands(count)
        order = positions(bands, own)
        if order is None and is_complete(own):
            order = [own.index(color) for color in COLORS]
            return self._at(order).for_bands(bands)
        return self.for_bands(bands) if order is None else self._at(order)

    def _at(self, order: Sequence[int]) -> "Normalization":
        return Normalization(
            tuple(self.mean[place] for place in order), tuple(self.std[place] for place in order)
        )

    def for_bands(self, bands: InputBands) -> "Normalization":
        """Return that of an image's bands, of one for RGB or for RGB and further channels.

        Bands of a color have its mean and deviation, the others the mean of each of the three:
        these are what the kernels expect which read them.
        """
        rgb = slice(0, len(COLORS))

        def of_bands(values: tuple[float, ...]) -> tuple[float, ...]:
            known = values[rgb]
            mean = sum(known) / len(known)
            by_color = dict(zip(COLORS, known, strict=False))
            return tuple(mean if band is None else by_color.get(band, mean) for band in bands)

        return Normalization(of_bands(self.mean), of_bands(self.std))

    def __call__(self, image_u8_BCHW: Tensor) -> Tensor:
        """B x C x H x W in 0..255 -> float32 of the same shape, on the same device."""
        # a trainer of low precision makes that the default, which would round the mean
        dtype = torch.promote_types(torch.get_default_dtype(), torch.float32)
        device = image_u8_BCHW.device
        mean = torch.tensor(self.mean, device=device, dtype=dtype).view(-1, 1, 1) * 255
        scale = 1 / (torch.tensor(self.std, device=device, dtype=dtype).view(-1, 1, 1) * 255)
        return (image_u8_BCHW.float() - mean) * scale


IMAGENET = Normalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and deviation of ImageNet's images, which most PyTorch projects normalize by."""


class Encoder(Protocol):
    """`forward(image_BCHW) -> list of maps`, the image first, then any number from fine to coarse.

    An encoder that maps of other sizes than k x output stride + 1 suit better declares
    `input_multiple`: sides are padded to multiples of that many pixels.

    Attributes:
        channels: channels of each map; `channels[0]` is `in_channels`.
        strides: true stride of each map in pixels; the image's is 1, and none is below the one
            before it.
        output_stride: stride of the last map.
        normalization: what the input must have gone through, for `in_channels` channels.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    output_stride: int
    normalization: Normalization

    def __call__(self, image_BCHW: Tensor) -> list[Tensor]:
        """Return the feature maps of normalized images, one for each of `strides`."""
        ...


def check_encoder(encoder: nn.Module, *, in_channels: int | None = None) -> None:
    """Hold an encoder against `Encoder`: what it declares, and one pass of a small image.

    A class that declares `is_measured` has had its maps measured, or held against what it declares
    by tests: it is spared the pass.

    Args:
        encoder: as it was built.
        in_channels: that it was built for; None for those that it declares.

    Raises:
        ConfigError: what it lacks, and what is expected.
    """
    faults = _faults_of_attributes(encoder, in_channels)
    if not faults and not getattr(encoder, "is_measured", False):
        faults = _faults_of_maps(encoder)
    if faults:
        lines = "\n  ".join(faults[:_MOST_FAULTS])
        raise ConfigError(
            f"encoder: {type(encoder).__name__} lacks what decoders read "
            f"(seg/models/interfaces.py)\n  {lines}"
        )


def _faults_of_attributes(encoder: nn.Module, in_channels: int | None) -> list[str]:
    if not isinstance(encoder, nn.Module):
        return ["it is no torch.nn.Module"]
    channels, strides = _whole(encoder, "channels"), _whole(encoder, "strides")
    normalization = getattr(encoder, "normalization", None)
    image = channels[0] if channels and in_channels is None else in_channels
    maps = len(channels or strides or (1, 2))
    sound = {
        "channels": channels and len(channels) > 1 and min(channels) > 0 and channels[0] == image,
        "strides": strides
        and strides[0] == 1
        and [*strides] == sorted(strides)
        and len(strides) == maps,
        "output_stride": strides and getattr(encoder, "output_stride", None) == strides[-1],
        "normalization": isinstance(normalization, Normalization)
        and len(normalization.mean) == len(normalization.std) == image,
    }
    expected = {
        "channels": f"those of the image and of each map, ({image or 3}, ...)",
        "strides": f"{maps} that never fall, the image's 1 first, such as (1, 4, 8)",
        "output_stride": "the last of strides",
        "normalization": f"Normalization() of {image or 3} channels (Normalization.for_channels)",
    }
    return [
        f"{name} is {_brief_of(encoder, name)}; expected: {expected[name]}"
        for name, is_sound in sound.items()
        if not is_sound
    ]


def _whole(encoder: nn.Module, name: str) -> Sequence[int] | None:
    values = getattr(encoder, name, None)
    listed = isinstance(values, list | tuple) and all(isinstance(each, int) for each in values)
    return values if listed else None


def _brief_of(encoder: nn.Module, name: str) -> str:
    return brief(getattr(encoder, name)) if hasattr(encoder, name) else "nothing"


@torch.no_grad()
def _faults_of_maps(encoder: Any) -> list[str]:
    """Strides are measured by a difference of sides, whatever borders take away."""
    step = lcm(encoder.output_stride, getattr(encoder, "input_multiple", None) or 1)
    height = -(-_PROBE_PX // step) * step
    like = next(encoder.parameters(), torch.zeros(0))
    image_BCHW = like.new_zeros(1, encoder.channels[0], height, height + 2 * step)
    training = encoder.training
    try:
        maps = encoder.eval()(image_BCHW)
    except Exception as error:  # anybody's code
        what = f"{type(error).__name__}: {error_summary(error)}"
        return [f"forward fails on an image of {height} x {height + 2 * step} pixels: {what}"]
    finally:
        encoder.train(training)
    if not isinstance(maps, list | tuple) or not all(isinstance(m, Tensor) for m in maps):
        return [f"forward gives {type(maps).__name__}: a list of maps is expected, the image first"]
    expected = list(zip(encoder.channels, encoder.strides, strict=True))
    measured = [
        (m.shape[1], round(2 * step / max(m.shape[3] - m.shape[2], 1)) if m.ndim == 4 else 0)
        for m in maps
    ]
    if measured != expected:
        return [
            f"forward gives maps of (channels, stride) {', '.join(map(str, measured))}",
            f"channels and strides declare             {', '.join(map(str, expected))}",
        ]
    return []
