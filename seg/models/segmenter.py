"""A segmentation network: an encoder and a decoder, joined."""

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from seg.errors import ConfigError
from seg.kernels.depthwise import patch_dilated_depthwise
from seg.kernels.resize import Resize
from seg.models.batch_norm import set_momentum
from seg.models.coarse_logits import CoarseLogits
from seg.models.decoders import create_decoder
from seg.models.encoders import create_encoder
from seg.models.inference_optimization import (
    FASTER_CONVOLUTIONS,
    Replacement,
    fold_batch_norms,
    fuse_relus,
    replace_modules,
)
from seg.models.interfaces import Normalization, check_encoder
from seg.models.layer_groups import last_layer_name
from seg.models.rounding import round_weights
from seg.models.weights import load_weights


class Segmenter(nn.Module):
    """Encoder and decoder: from an image to one logit a class and pixel.

    Args:
        encoder: keeps `seg.models.interfaces.Encoder`.
        decoder: the encoder's maps -> logits, with `num_classes`.
        norm_momentum: weight of a new batch in the running statistics of every batch norm; None
            leaves what the parts have (PyTorch's 0.1). The published 3e-4 spoils runs
            shorter than tens of thousands of steps.
        pad_to_grid: pad images of other sizes than k x output stride + 1 to such a size (zeros to
            the right and below, cropped from the logits), so that every resize with aligned corners
            puts each value over the pixel it was computed from. Without it, as in the graphs of the
            TensorFlow release, logits at even sizes lie up to (low-level stride - 1) pixels off.
            For a part that declares `input_multiple`, images are padded to its multiples instead; a
            decoder may declare `align_corners=False` for the last resize.

    Attributes:
        num_classes: number of logits a pixel.
        output_stride: of the encoder, in pixels.
        normalization: what the image must have gone through.
        input_multiple: what padded sides are divisible by, in pixels; None for the grid.
        compute_dtype: what images are cast to; the logits are float32 then. None: as they come.
    """

    compute_dtype: torch.dtype | None = None

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        *,
        norm_momentum: float | None = None,
        pad_to_grid: bool = True,
    ) -> None:
        super().__init__()
        if norm_momentum is not None and not 0 < norm_momentum <= 1:
            raise ConfigError(f"norm_momentum {norm_momentum}; allowed: above 0 up to 1")
        self.encoder = encoder
        self.decoder = decoder
        patch_dilated_depthwise(self)
        self.pad_to_grid = pad_to_grid
        if norm_momentum is not None:
            set_momentum(self, norm_momentum)

    @property
    def num_classes(self) -> int:
        """Return the number of logits a pixel."""
        count: Any = self.decoder.num_classes
        return int(count)

    @property
    def output_stride(self) -> int:
        """Return the encoder's output stride, px."""
        stride: Any = self.encoder.output_stride
        return int(stride)

    @property
    def normalization(self) -> Normalization:
        """Return the normalization of the encoder's input."""
        normalization: Any = self.encoder.normalization
        assert isinstance(normalization, Normalization)
        return normalization

    @property
    def align_corners(self) -> bool:
        """Return whether corner pixels coincide in the last resize."""
        return bool(getattr(self.decoder, "align_corners", True))

    @property
    def device(self) -> torch.device:
        """Return the device of the parameters."""
        return next(self.parameters()).device

    @property
    def last_layer(self) -> nn.Module:
        """Return the decoder's layer that computes the logits."""
        return self.decoder.get_submodule(last_layer_name(self.decoder))

    @property
    def input_multiple(self) -> int | None:
        """Return the divisor of padded sides, px; None for the grid."""
        declared = [getattr(part, "input_multiple", None) for part in (self.encoder, self.decoder)]
        multiples = [multiple for multiple in declared if multiple is not None]
        return math.lcm(*multiples) if multiples else None

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Compute logits B x num_classes x H x W of a normalized image of any size."""
        height, width = image_BCHW.shape[2:]
        return self.decode(self.encode(image_BCHW), (height, width)).resized()

    def encode(self, image_BCHW: Tensor) -> list[Tensor]:
        """Compute the encoder's maps of the padded image, itself first."""
        image_BCHW = self.padded(image_BCHW)
        if self.compute_dtype is not None:
            image_BCHW = image_BCHW.to(self.compute_dtype)
        features: list[Tensor] = self.encoder(image_BCHW)
        return features

    def decode(self, features: list[Tensor], size_HW: tuple[int, int]) -> CoarseLogits:
        """Compute logits before the last resize from `encode`'s maps and the image's size."""
        grid_height, grid_width = features[0].shape[2:]
        resize = Resize((grid_height, grid_width), size_HW, self.align_corners)
        values = self.decoder(features)
        return CoarseLogits(values if self.compute_dtype is None else values.float(), resize)

    def forward_image(self, image_u8_BCHW: Tensor) -> CoarseLogits:
        """Compute logits before the last resize of images B x C x H x W in 0..255."""
        height, width = image_u8_BCHW.shape[2:]
        return self.decode(self.encode(self.normalization(image_u8_BCHW)), (height, width))

    def padded(self, image_BCHW: Tensor) -> Tensor:
        """Pad the image as `pad_to_grid` says."""
        if not self.pad_to_grid:
            return image_BCHW
        rows, columns = (
            lacking_px(side, self.output_stride, self.input_multiple)
            for side in image_BCHW.shape[2:]
        )
        return functional.pad(image_BCHW, (0, columns, 0, rows))

    def optimize(
        self,
        *,
        dtype: torch.dtype | None = None,
        channels_last: bool = True,
        compiled: bool = False,
        replacements: Mapping[type[nn.Module], Replacement] | None = None,
    ) -> Self:
        """Return a copy for inference alone, in evaluation mode; images and logits stay float32.

        Batch norms are folded into the convolutions before them, which apply the ReLUs too: logits
        are the same up to rounding.

        Args:
            dtype: of weights and maps, such as `torch.bfloat16`; None: as they are. Weights are
                rounded by `seg.models.rounding.round_weights`.
            channels_last: layout of weights and maps; faster on CPUs and tensor cores.
            compiled: compile encoder and decoder at the first pass of a size.
            replacements: see `inference_optimization.replace_modules`; after folding. None:
                `seg.models.inference_optimization.FASTER_CONVOLUTIONS`.
        """
        model = copy.deepcopy(self).eval().requires_grad_(False)
        weight = next(model.parameters())
        side_px = 2 * model.output_stride + 1
        image_BCHW = torch.zeros(1, len(model.normalization.mean), side_px, side_px)
        fold_batch_norms(model, lambda: model(image_BCHW.to(weight)))
        replace_modules(model, FASTER_CONVOLUTIONS if replacements is None else replacements)
        fuse_relus(model, lambda: model(image_BCHW.to(weight)))
        if dtype is not None:
            round_weights(model, dtype)
            model.to(dtype)
            model.compute_dtype = dtype
        if channels_last:
            model.to(memory_format=torch.channels_last)
        if compiled:
            model.encoder.compile(dynamic=False)
            model.decoder.compile(dynamic=False)
        return model

    def coarse_logits(self, image_BCHW: Tensor) -> Tensor:
        """Compute logits B x num_classes x h x w before the last resize, without padding."""
        logits: Tensor = self.decoder(self.encoder(image_BCHW))
        return logits


def lacking_px(side_px: int, output_stride: int, input_multiple: int | None) -> int:
    """Return by how much a side is padded, px; see `Segmenter`."""
    # a remainder of a negative number is one that torch.compile cannot write for open sizes
    if input_multiple is None:
        return (side_px + output_stride - 2) // output_stride * output_stride + 1 - side_px
    return (side_px + input_multiple - 1) // input_multiple * input_multiple - side_px


def create_model(
    encoder: str | nn.Module = "aligned_xception65",
    decoder: str | nn.Module = "deeplabv3plus",
    *,
    num_classes: int = 19,
    output_stride: int | None = None,
    in_channels: int | None = None,
    weights: str | Path | None = None,
    strict: bool = True,
    norm_momentum: float | None = None,
    pad_to_grid: bool = True,
    encoder_options: Mapping[str, Any] | None = None,
    decoder_options: Mapping[str, Any] | None = None,
) -> Segmenter:
    """Build a segmenter from names, or from modules that are ready.

    >>> import seg, torch
    >>> model = seg.create_model("aligned_xception_micro", "deeplabv3plus", num_classes=5).eval()
    >>> model(torch.zeros(1, 3, 40, 60)).shape
    torch.Size([1, 5, 40, 60])

    Args:
        encoder: a name of `list_encoders()`, or a module.
        decoder: a name of `list_decoders()`, or a module.
        num_classes: number of logits a pixel.
        output_stride: of a named encoder, 4, 8, 16 or 32; None for the encoder's default (16).
        in_channels: of a named encoder; None for the encoder's default (3).
        weights: a file for the whole network; for the encoder alone put it in `encoder_options`.
        strict: refuse weights that leave some tensors at their random values.
        norm_momentum: see `Segmenter`.
        pad_to_grid: see `Segmenter`.
        encoder_options: further keyword arguments of `create_encoder`.
        decoder_options: further keyword arguments of `create_decoder`.

    Raises:
        ConfigError: an unknown name, option or value, or options for a module that is ready.
        DataError: weights that cannot be read or do not fit.
    """
    optional: dict[str, Any] = {"output_stride": output_stride, "in_channels": in_channels}
    options = {key: value for key, value in optional.items() if value is not None}
    options |= encoder_options or {}
    if isinstance(encoder, str):
        encoder = create_encoder(encoder, **options)
    elif options:
        raise _not_by_name("encoder", options)
    else:
        check_encoder(encoder)
    if isinstance(decoder, str):
        decoder = create_decoder(
            decoder, encoder, num_classes=num_classes, **(decoder_options or {})
        )
    elif decoder_options:
        raise _not_by_name("decoder", decoder_options)
    model = Segmenter(encoder, decoder, norm_momentum=norm_momentum, pad_to_grid=pad_to_grid)
    if weights is not None:
        load_weights(model, weights, strict=strict)
    return model


def _not_by_name(kind: str, options: Mapping[str, Any]) -> ConfigError:
    return ConfigError(
        f"{', '.join(options)} given for a {kind} that is built already; pass them to "
        f"create_{kind}, or give the {kind} by name"
    )
