"""Passes of a network over parts of an image, blended pixel by pixel.

Each pass yields coarse logits. Logits and probabilities at the image's size are computed from them
tile by tile, so that the full-size array of all classes is never held in memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, sqrt

import torch
from torch import Tensor

from seg.data.outputs import Outputs
from seg.inference.masks import code_dtype, codes_of_masks, decide_masks
from seg.inference.uncertainty import disagreement
from seg.kernels.label_tensors import label_tensor_dtype
from seg.kernels.numba_jit import should_use_numba_argmax
from seg.kernels.resize import Axis, resize_part
from seg.models.coarse_logits import CoarseLogits

_TILE_BYTES = {"cpu": 2**22}  # what caches hold
_TILE_BYTES_ELSEWHERE = 2**27  # few, large kernels
_TILE_ASPECT = 4  # width over height: rows are resized last, and cost more


@dataclass(frozen=True)
class BlendWeights:
    """Blending weights of a window along one axis, by the distance from its middle.

    Attributes:
        middle: of the window, in the image's pixels.
        sigma: of the Gaussian, in the image's pixels; None: the same everywhere.
    """

    middle: float
    sigma: float | None

    def weights(self, pixels: slice, *, device: torch.device) -> Tensor:
        """Return the weights of some pixels, float32."""
        place = torch.arange(pixels.start, pixels.stop, device=device, dtype=torch.float32)
        if self.sigma is None:
            return torch.ones_like(place)
        return torch.exp(-0.5 * ((place - self.middle) / self.sigma) ** 2)


@dataclass(frozen=True)
class WindowLogits:
    """One pass over a window.

    Attributes:
        logits_hKw: coarse logits.
        rows, columns: the pixels of the image that they cover, and their positions.
        fades: blending weights of rows and columns.
    """

    logits_hKw: Tensor
    rows: Axis
    columns: Axis
    fades: tuple[BlendWeights, BlendWeights] = (BlendWeights(0, None), BlendWeights(0, None))

    @classmethod
    def whole(cls, logits: CoarseLogits, image: int) -> "WindowLogits":
        """Wrap the logits of one image of a batch that the network has seen whole."""
        values_Khw = logits.values[image]
        axes = logits.resize.axes(values_Khw.shape[1:])
        return cls(values_Khw.transpose(0, 1).contiguous(), *axes)

    def logits(self, rows: slice, columns: slice) -> Tensor:
        """Return the logits of covered pixels, H x K x W, float32."""
        device = self.logits_hKw.device
        parts = (
            axis.weights(pixels, dtype=torch.float32, device=device)
            for axis, pixels in ((self.rows, rows), (self.columns, columns))
        )
        # autocast would resize in half precision
        with torch.autocast(device.type, enabled=False):
            return resize_part(self.logits_hKw, *parts)

    def labels(self, rows: slice, columns: slice) -> Tensor:
        """Return the class of the greatest logit of covered pixels; on a CPU alone."""
        from seg.kernels.argmax import upsampled_argmax

        return upsampled_argmax(self.logits_hKw, (self.rows, self.columns), rows, columns)


@dataclass(frozen=True)
class Tile:
    """Some pixels of an image.

    Attributes:
        passes: the windows of each pass; together they cover the pixels.
        rows, columns: the pixels of the tile.
        outputs: what the logits mean where each is a sigmoid; None: a softmax over classes.
    """

    passes: Sequence[Sequence[WindowLogits]]
    rows: slice
    columns: slice
    outputs: Outputs | None = None

    @property
    def _single(self) -> WindowLogits | None:
        """Return the only window, where nothing is blended."""
        return self.passes[0][0] if len(self.passes) == len(self.passes[0]) == 1 else None

    @cached_property
    def logits_HKW(self) -> Tensor:
        """Return log probabilities up to a constant of each pixel, or log odds of sigmoids."""
        if self._single is not None:
            return self._single.logits(self.rows, self.columns)
        is_softmax = self.outputs is None
        total_HKW = _blended(self.passes[0], self.rows, self.columns, is_softmax=is_softmax)
        for windows in self.passes[1:]:
            total_HKW += _blended(windows, self.rows, self.columns, is_softmax=is_softmax)
        limits = torch.finfo(torch.float32)
        total_HKW = total_HKW.div_(len(self.passes)).clamp_(min=limits.tiny)
        return total_HKW.log_() if is_softmax else total_HKW.clamp_(max=1 - limits.eps / 2).logit_()

    @property
    def probabilities_HKW(self) -> Tensor:
        """Return the probability of each class, float32; of outputs that are sigmoids, of each."""
        return self.logits_HKW.softmax(1) if self.outputs is None else self.logits_HKW.sigmoid()

    @property
    def disagreement_HW(self) -> Tensor:
        """Return how much two passes or more contradict each other, see `disagreement`."""
        is_softmax = self.outputs is None
        members = (
            _blended(windows, self.rows, self.columns, is_softmax=is_softmax)
            for windows in self.passes
        )
        return disagreement(members, 1, self.outputs)

    @cached_property
    def masks_HKW(self) -> Tensor | None:
        """Return where each sigmoid output is present, bool; None: classes are exclusive."""
        return None if self.outputs is None else decide_masks(self.logits_HKW, self.outputs)

    @cached_property
    def label_HW(self) -> Tensor:
        """Return the likeliest class; the same however an image is cut into tiles.

        It is of the type of `label_tensor_dtype`. Sigmoid outputs give the codes of their masks.
        """
        if self.outputs is not None and self.masks_HKW is not None:
            return codes_of_masks(self.masks_HKW, self.outputs)
        single = self._single
        if single is not None and should_use_numba_argmax(
            single.logits_hKw, single.rows.stop * single.columns.stop
        ):
            return single.labels(self.rows, self.columns)
        dtype = label_tensor_dtype(self.logits_HKW.shape[1])
        return self.logits_HKW.max(1).indices.to(dtype)  # five times as quick as `argmax` on a CPU


def iter_tiles(
    passes: Sequence[Sequence[WindowLogits]],
    rows: slice,
    width: int,
    outputs: Outputs | None = None,
) -> Iterator[Tile]:
    """Blend the passes over an image tile by tile, from left to right and top to bottom.

    The windows of a pass are blended, probabilities by their weights; the passes (scales and flips
    of the image) are averaged (Chen et al., ECCV 2018, section 4.1).

    Args:
        passes: the windows of each pass; together they cover the rows.
        rows: the pixels to compute.
        width: of the image, in pixels.
        outputs: see `Tile`.
    """
    first = passes[0][0].logits_hKw
    budget = _TILE_BYTES.get(first.device.type, _TILE_BYTES_ELSEWHERE)
    height = max(1, round(sqrt(budget / 4 / first.shape[1] / _TILE_ASPECT)))
    for part in _cut(rows, height):
        for columns in _cut(slice(0, width), _TILE_ASPECT * height):
            yield Tile(passes, part, columns, outputs)


def argmax_labels(logits: CoarseLogits, outputs: Outputs | None = None) -> Tensor:
    """Return each pixel's likeliest class, B x H x W, without resizing `logits`.

    Args:
        logits: of a batch of images.
        outputs: what the logits mean where each is a sigmoid, which gives codes; None: a softmax.

    Returns:
        of the type of `label_tensor_dtype`, or of `code_dtype`.
    """
    height, width = logits.resize.cropped
    shape = (len(logits.values), height, width)
    dtype = code_dtype(outputs) if outputs else label_tensor_dtype(logits.values.shape[1])
    label_BHW = torch.empty(shape, dtype=dtype, device=logits.values.device)
    for image, label_HW in enumerate(label_BHW):
        window = WindowLogits.whole(logits, image)
        if outputs is None and should_use_numba_argmax(window.logits_hKw, height * width):
            label_HW[:] = window.labels(slice(0, height), slice(0, width))
            continue
        for tile in iter_tiles([[window]], slice(0, height), width, outputs):
            label_HW[tile.rows, tile.columns] = tile.label_HW
    return label_BHW


def _cut(whole: slice, length: int) -> list[slice]:
    """Cut a slice into parts of about a length, none much shorter than the others."""
    span = whole.stop - whole.start
    even = ceil(span / ceil(span / length))
    return [slice(at, min(at + even, whole.stop)) for at in range(whole.start, whole.stop, even)]


def _blended(
    windows: Sequence[WindowLogits], rows: slice, columns: slice, *, is_softmax: bool
) -> Tensor:
    """Return the blended probabilities of one pass, H x K x W."""

    def probabilities(logits_HKW: Tensor) -> Tensor:
        return logits_HKW.softmax(1) if is_softmax else logits_HKW.sigmoid()

    if len(windows) == 1:
        return probabilities(windows[0].logits(rows, columns))
    like = windows[0].logits_hKw
    shape = (rows.stop - rows.start, like.shape[1], columns.stop - columns.start)
    total_HKW = torch.zeros(shape, dtype=torch.float32, device=like.device)
    weight_HW = torch.zeros(shape[0], shape[2], dtype=torch.float32, device=like.device)
    for window in windows:
        covered = _intersection(rows, window.rows), _intersection(columns, window.columns)
        if min(part.stop - part.start for part in covered) <= 0:
            continue
        fade_H, fade_W = (
            fade.weights(part, device=like.device)
            for fade, part in zip(window.fades, covered, strict=True)
        )
        fade_HW = fade_H[:, None] * fade_W
        inner = tuple(
            slice(part.start - tile.start, part.stop - tile.start)
            for part, tile in zip(covered, (rows, columns), strict=True)
        )
        total_HKW[inner[0], :, inner[1]] += (
            probabilities(window.logits(*covered)) * fade_HW[:, None]
        )
        weight_HW[inner] += fade_HW
    return total_HKW.div_(weight_HW[:, None])


def _intersection(part: slice, axis: Axis) -> slice:
    return slice(max(part.start, axis.start), min(part.stop, axis.stop))
