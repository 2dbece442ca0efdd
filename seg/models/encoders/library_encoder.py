"""Networks of other libraries as encoders: the common part for smp, timm and torchvision."""

import difflib
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor, nn

from seg.errors import ConfigError, DataError
from seg.models.encoders.xception_base import OUTPUT_STRIDES
from seg.models.input_bands import COLORS, InputBands, input_bands
from seg.models.interfaces import Normalization
from seg.models.registry import unknown
from seg.models.weights import load_weights
from seg.models.weights.state_dict_matching import match

_USUAL_STRIDE = 16
_PROBE_PX = (128, 192)
_NEAREST = 5
_PATH_MARKS = ("/", "\\", ".", ":")
# What the libraries raise where a network does not know `output_stride` or cannot hold it.
_CANNOT_DILATE = (AssertionError, KeyError, RuntimeError, TypeError, ValueError)


class LibraryEncoder(nn.Module):
    """A network of another library under `seg.models.interfaces.Encoder`.

    Channels and strides are measured by running the network on a small image.

    Args:
        body: `image_BCHW -> maps`, from fine to coarse; its tensors are named
            `body.<name in the library>`.
        name: for messages; smp's decoders read it too.
        in_channels: channels of the image.
        normalization: of the library's weights, for RGB.
        bands: which color each channel of the image is; None: as usual.

    Attributes:
        channels: channels of each map; the image is the first.
        strides: true stride of each map, in pixels. Maps of stride 1 and empty maps are left out.
        output_stride: stride of the last map, in pixels.
        normalization: for `in_channels` channels; loaded weights may bring another.
        input_multiple: best divisor of height and width; None where sizes of
            k x output stride + 1 put map and image on one grid.

    Raises:
        ConfigError: the network does not take images of any size.
    """

    is_measured = True

    def __init__(
        self,
        body: nn.Module,
        *,
        name: str,
        in_channels: int,
        normalization: Normalization,
        bands: InputBands | None = None,
    ) -> None:
        super().__init__()
        self.body = body
        self.name = name
        self.input_bands = input_bands(in_channels) if bands is None else bands
        self.normalization = normalization.for_bands(self.input_bands)
        self._channels_last = getattr(body, "output_fmt", None) == "NHWC"
        maps, on_grid = self._probe(in_channels)
        useful = [index for index, (channels, stride) in enumerate(maps) if stride > 1 and channels]
        self._indices = tuple(useful)
        self.channels = (in_channels, *(maps[index][0] for index in useful))
        self.strides = (1, *(maps[index][1] for index in useful))
        self.output_stride = self.strides[-1]
        self.input_multiple = None if on_grid else max(self.strides)

    def forward(self, image_BCHW: Tensor) -> list[Tensor]:
        """Return a normalized image B x in_channels x H x W, then its maps, one a stride.

        Raises:
            ConfigError: an image too small for the network.
        """
        try:
            maps = self._maps(image_BCHW)
        except RuntimeError as error:
            height, width = image_BCHW.shape[2:]
            enough = _PROBE_PX[0]
            if min(height, width) >= enough or isinstance(error, torch.OutOfMemoryError):
                raise
            raise ConfigError(
                f"{self.name} does not take an image of {height} x {width} pixels: {error}\n"
                f"  give images with sides of {enough} or more"
            ) from error
        return [image_BCHW, *(maps[index] for index in self._indices)]

    def _maps(self, image_BCHW: Tensor) -> list[Tensor]:
        maps: list[Tensor] = list(self.body(image_BCHW))
        if self._channels_last:
            return [map_BHWC.permute(0, 3, 1, 2).contiguous() for map_BHWC in maps]
        return maps

    @torch.no_grad()
    def _probe(self, in_channels: int) -> tuple[list[tuple[int, int]], bool]:
        """Measure channels and stride of each map, and whether k x stride + 1 px give k + 1 values.

        Strides come from width minus height: borders cancel out.
        """
        height, width = _PROBE_PX
        training = self.body.training
        self.body.eval()
        try:
            for margin in (1, 0):
                try:
                    maps = self._maps(torch.zeros(1, in_channels, height + margin, width + margin))
                    break
                except (AssertionError, IndexError, RuntimeError, ValueError) as error:
                    reason = error
            else:
                raise ConfigError(
                    f"{self.name} does not take an image of {height} x {width} pixels: {reason}\n"
                    "  choose an encoder for images of any size"
                )
        finally:
            self.body.train(training)
        measured = [
            (map_BCHW.shape[1], round((width - height) / max(columns - rows, 1)))
            for map_BCHW in maps
            for rows, columns in [map_BCHW.shape[2:]]
        ]
        on_grid = margin == 1 and all(
            map_BCHW.shape[2] == height // stride + 1 or stride == 1 or not channels
            for map_BCHW, (channels, stride) in zip(maps, measured, strict=True)
        )
        return measured, on_grid


Build: TypeAlias = Callable[[int | None, str | None, InputBands], LibraryEncoder]


def create_library_encoder(
    build: Build,
    *,
    name: str,
    output_stride: int | None,
    weights: str | Path | None,
    tags: Sequence[str],
    strict: bool,
    moving_average: bool | None,
    bands: InputBands,
) -> LibraryEncoder:
    """Build an encoder at a stride and load its weights.

    The library's own weights are for RGB: for other bands they are adapted as those of a file.

    Args:
        build: `(output_stride or None for the network's own, tag or None for random weights,
            bands)`.
        name: of the network, for messages.
        output_stride: 4, 8, 16 or 32; None for 16 where the network can dilate, else its own.
        weights: one of `tags`, which the library downloads; else a file; None for random weights.
        tags: names of the library's own weights.
        strict: see `seg.models.weights.load_weights`.
        moving_average: see `seg.models.weights.load_weights`.
        bands: which color each channel of the image is.

    Raises:
        ConfigError: a stride that the network cannot hold; an unknown tag.
        DataError: weights that cannot be had, be read, or do not fit.
    """
    tag = _tag(weights, tags, name)
    encoder, own_stride = _at_stride(
        lambda stride, tag: build(stride, tag, bands), output_stride, name
    )
    if tag is not None:
        try:
            trained = build(own_stride, tag, COLORS)
        except (OSError, RuntimeError, EOFError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(
                f"weights {tag!r} of {name} could not be downloaded: {reason}\n"
                "  restore the connection, or give a file: encoder.weights=FILE"
            ) from error
        return trained if bands == COLORS else _adapted(trained, encoder)
    if weights is not None:
        load_weights(encoder, weights, strict=strict, moving_average=moving_average)
    return encoder


def _adapted(trained: LibraryEncoder, encoder: LibraryEncoder) -> LibraryEncoder:
    """Fill an encoder for other bands from one for RGB."""
    targets = encoder.state_dict()
    arrays = {name: each.numpy() for name, each in trained.state_dict().items()}
    matched = match(targets, arrays, encoder.input_bands)
    if unfit := sorted(targets.keys() - matched.values.keys()):
        raise DataError(
            f"weights of {encoder.name} do not fit images of {encoder.channels[0]} channels:"
            f" {unfit[0]} is no convolution of the image's own channels\n"
            "  give encoder.weights=null, or another encoder"
        )
    encoder.load_state_dict(matched.values)
    encoder.normalization = trained.normalization.for_bands(encoder.input_bands)
    return encoder


def _at_stride(
    build: Callable[[int | None, str | None], LibraryEncoder], output_stride: int | None, name: str
) -> tuple[LibraryEncoder, int | None]:
    if output_stride is not None and output_stride not in OUTPUT_STRIDES:
        allowed = ", ".join(map(str, OUTPUT_STRIDES))
        raise ConfigError(f"output_stride {output_stride!r}; allowed: {allowed}, null")
    stride = _USUAL_STRIDE if output_stride is None else output_stride
    try:
        encoder = build(stride, None)
        if encoder.output_stride == stride:
            return encoder, stride
    except _CANNOT_DILATE:
        pass  # if another option is wrong, the next line raises for it
    encoder = build(None, None)
    if output_stride in (None, encoder.output_stride):
        return encoder, None
    raise ConfigError(
        f"{name} cannot run at output_stride {output_stride}; its own is {encoder.output_stride}\n"
        f"  give encoder.output_stride={encoder.output_stride}, or encoder.output_stride=null; "
        "networks that dilate take 16 and 8"
    )


def _tag(weights: str | Path | None, tags: Collection[str], name: str) -> str | None:
    """Return the tag of the library's own weights; None for a file, and for no weights."""
    if weights is None or isinstance(weights, Path):
        return None
    if weights in tags:
        return weights
    if any(mark in weights for mark in _PATH_MARKS) or Path(weights).exists():
        return None
    if not tags:
        raise ConfigError(f"{name} has no published weights; give a file: encoder.weights=FILE")
    raise ConfigError(f"{unknown(f'weights of {name}', weights, tags)}\n  or a file with its path")


def check_name(library: str, name: str, known: Collection[str]) -> None:
    """Refuse a name that the library does not have.

    Raises:
        ConfigError: with the nearest names.
    """
    if name in known:
        return
    nearest = difflib.get_close_matches(name, known, n=_NEAREST, cutoff=0.5)
    typed = ", ".join(f"encoder.name={other}" for other in nearest)
    hint = f"\n  nearest: {typed}" if nearest else ""
    raise ConfigError(f"{library} has no encoder {name!r} among its {len(known)}{hint}")
