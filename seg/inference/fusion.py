"""What passes of a network over parts of a picture say, put together pixel by pixel.

Each pass leaves its coarse logits. Logits and probabilities at the picture's size are made of them
tile by tile, so that they are never held as a whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, sqrt

import torch
from torch import Tensor

from seg.kernels.dispatch import should_use_numba_argmax
from seg.models.coarse_logits import CoarseLogits
from seg.models.resampling import Axis

_TILE_BYTES = {"cpu": 2**22}  # what caches hold
_TILE_BYTES_ELSEWHERE = 2**27  # few, large kernels
_TILE_ASPECT = 4  # width over height: rows are resized last, and cost more


@dataclass(frozen=True)
class BlendWeights:
    """How much a window's say weighs along one side, by the distance from its middle.

    Attributes:
        middle: of the window, in the picture's pixels.
        sigma: of the Gaussian, in the picture's pixels; None: the same everywhere.
    """

    middle: float
    sigma: float | None

    def weights(self, pixels: slice, *, device: torch.device) -> Tensor:
        """One factor a pixel, float32."""
        place = torch.arange(pixels.start, pixels.stop, device=device, dtype=torch.float32)
        if self.sigma is None:
            return torch.ones_like(place)
        return torch.exp(-0.5 * ((place - self.middle) / self.sigma) ** 2)


@dataclass(frozen=True)
class WindowLogits:
    """One pass over a window.

    Attributes:
        logits_hKw: coarse logits.
        rows, columns: which pixels of the picture they cover, and how.
        fades: of rows and columns.
    """

    logits_hKw: Tensor
    rows: Axis
    columns: Axis
    fades: tuple[BlendWeights, BlendWeights] = (BlendWeights(0, None), BlendWeights(0, None))

    @classmethod
    def whole(cls, logits: CoarseLogits, image: int) -> "WindowLogits":
        """Of a picture in a batch that the network has seen whole."""
        values_Khw, resize = logits.values[image], logits.resize
        rows, columns = (
            Axis.of_resize(*sizes, align_corners=resize.align_corners)
            for sizes in zip(values_Khw.shape[1:], resize.grid, resize.cropped, strict=True)
        )
        return cls(values_Khw.transpose(0, 1).contiguous(), rows, columns)

    def logits(self, rows: slice, columns: slice) -> Tensor:
        """At covered pixels, H x K x W, float32."""
        with torch.autocast(self.logits_hKw.device.type, enabled=False):
            return self._resized(rows, columns)

    def labels(self, rows: slice, columns: slice) -> Tensor:
        """The class of the greatest logit at covered pixels, uint8, on a CPU alone."""
        from seg.kernels.argmax import upsampled_argmax
        from seg.kernels.linear_resize import Places

        places = (
            axis.places(part.start, part.stop)
            for axis, part in ((self.rows, rows), (self.columns, columns))
        )
        return upsampled_argmax(
            self.logits_hKw, *(Places(low.numpy(), share.float().numpy()) for low, share in places)
        )

    def _resized(self, rows: slice, columns: slice) -> Tensor:
        (coarse_rows, weight_hH), (coarse_columns, weight_wW) = (
            axis.weights(part.start, part.stop, dtype=torch.float32, device=self.logits_hKw.device)
            for axis, part in ((self.rows, rows), (self.columns, columns))
        )
        wide_hKW = self.logits_hKw[coarse_rows, :, coarse_columns].float() @ weight_wW
        tall = weight_hH.T @ wide_hKW.flatten(1)
        return tall.view(-1, *wide_hKW.shape[1:])


@dataclass(frozen=True)
class Tile:
    """Some pixels of a picture.

    Attributes:
        looks: the views of each look; together they cover the pixels.
        rows, columns: which.
    """

    looks: Sequence[Sequence[WindowLogits]]
    rows: slice
    columns: slice

    @cached_property
    def logits_HKW(self) -> Tensor:
        """Logarithms of the probabilities, up to one number a pixel; float32."""
        return _together(self.looks, self.rows, self.columns)

    @property
    def probabilities_HKW(self) -> Tensor:
        """One a class, float32."""
        return self.logits_HKW.softmax(1)

    @cached_property
    def label_HW(self) -> Tensor:
        """The likeliest class, uint8; the same however a picture is cut into tiles."""
        only = _single_window(self.looks)
        if only is not None and should_use_numba_argmax(
            only.logits_hKw, only.rows.stop * only.columns.stop
        ):
            return only.labels(self.rows, self.columns)
        return self.logits_HKW.max(1).indices.byte()  # five times as quick as `argmax` on a CPU


def iter_tiles(
    looks: Sequence[Sequence[WindowLogits]],
    rows: slice,
    width: int,
    *,
    chunk_bytes: int | None = None,
) -> Iterator[Tile]:
    """What several looks at a picture say together, from the left and the top.

    The windows of a look are blended, probabilities by their fades; of the looks, scales and flips
    of the picture, the mean counts (Chen et al., ECCV 2018, section 4.1).

    Args:
        looks: the views of each look; together they cover the rows.
        rows: which pixels are wanted.
        width: of the picture, in pixels.
        chunk_bytes: what a tile's logits may take; None: what is quick on the device.
    """
    any_view = looks[0][0].logits_hKw
    budget = chunk_bytes or _TILE_BYTES.get(any_view.device.type, _TILE_BYTES_ELSEWHERE)
    height = max(1, round(sqrt(budget / 4 / any_view.shape[1] / _TILE_ASPECT)))
    for part in _cut(rows, height):
        for columns in _cut(slice(0, width), _TILE_ASPECT * height):
            yield Tile(looks, part, columns)


def argmax_labels(logits: CoarseLogits) -> Tensor:
    """The likeliest class of each pixel of a batch, uint8, B x H x W; `logits` is not resized."""
    height, width = logits.resize.cropped
    shape = (len(logits.values), height, width)
    label_BHW = torch.empty(shape, dtype=torch.uint8, device=logits.values.device)
    for image, label_HW in enumerate(label_BHW):
        view = WindowLogits.whole(logits, image)
        if should_use_numba_argmax(view.logits_hKw, height * width):
            label_HW[:] = view.labels(slice(0, height), slice(0, width))
            continue
        for tile in iter_tiles([[view]], slice(0, height), width):
            label_HW[tile.rows, tile.columns] = tile.label_HW
    return label_BHW


def _cut(whole: slice, length: int) -> list[slice]:
    """Into parts of about a length, none much shorter than the others."""
    span = whole.stop - whole.start
    even = ceil(span / ceil(span / length))
    return [slice(at, min(at + even, whole.stop)) for at in range(whole.start, whole.stop, even)]


def _single_window(looks: Sequence[Sequence[WindowLogits]]) -> WindowLogits | None:
    return looks[0][0] if len(looks) == 1 and len(looks[0]) == 1 else None


def _together(looks: Sequence[Sequence[WindowLogits]], rows: slice, columns: slice) -> Tensor:
    only = _single_window(looks)
    if only is not None:
        return only.logits(rows, columns)
    total: Tensor | None = None
    for views in looks:
        blended = _blended(views, rows, columns)
        total = blended if total is None else total.add_(blended)
    assert total is not None
    return total.div_(len(looks)).clamp_(min=torch.finfo(torch.float32).tiny).log_()


def _blended(views: Sequence[WindowLogits], rows: slice, columns: slice) -> Tensor:
    """Probabilities of one look, H x K x W."""
    if len(views) == 1:
        return views[0].logits(rows, columns).softmax(1)
    like = views[0].logits_hKw
    shape = (rows.stop - rows.start, like.shape[1], columns.stop - columns.start)
    total_HKW = torch.zeros(shape, dtype=torch.float32, device=like.device)
    weight_HW = torch.zeros(shape[0], shape[2], dtype=torch.float32, device=like.device)
    for view in views:
        covered = _common(rows, view.rows), _common(columns, view.columns)
        if min(part.stop - part.start for part in covered) <= 0:
            continue
        fade_H, fade_W = (
            fade.weights(part, device=like.device)
            for fade, part in zip(view.fades, covered, strict=True)
        )
        fade_HW = fade_H[:, None] * fade_W
        inner = tuple(
            slice(part.start - wanted.start, part.stop - wanted.start)
            for part, wanted in zip(covered, (rows, columns), strict=True)
        )
        total_HKW[inner[0], :, inner[1]] += view.logits(*covered).softmax(1) * fade_HW[:, None]
        weight_HW[inner] += fade_HW
    return total_HKW.div_(weight_HW[:, None])


def _common(wanted: slice, axis: Axis) -> slice:
    return slice(max(wanted.start, axis.start), min(wanted.stop, axis.stop))
