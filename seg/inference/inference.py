"""How a network is applied to an image: whole or in windows, at scales, mirrored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seg.errors import ConfigError
from seg.inference.fusion import Tile, WindowLogits, iter_tiles
from seg.inference.image_model import ImageModel
from seg.inference.image_source import Raster
from seg.inference.multi_scale import scaled_part
from seg.inference.sliding_window import Window1D, scaled_length, windows_1d
from seg.kernels.label_tensors import label_array

BAND_PX = 128
"""Rows that are blended at a time; no block reaches over the end of such a band."""

_GIB = 2**30
_WINDOW_SHARE = 0.5  # of the memory that is allowed: blending takes some too
_SMALLEST_WINDOW_PX = 129


@dataclass(frozen=True)
class RowBlock:
    """All columns of some rows of an image.

    Attributes:
        rows: the rows of the image.
        label_HW: class ids, uint8, uint16 of more than 255 classes; codes where classes may
            overlap.
        probabilities_KHW: one a class, float32; None unless requested.
        masks_KHW: where each sigmoid output is present, bool; None: classes are exclusive.
        disagreement_HW: of the passes or of several networks, 0 to 1, float32; None unless
            requested.
    """

    rows: slice
    label_HW: NDArray[Any]
    probabilities_KHW: NDArray[np.float32] | None
    masks_KHW: NDArray[np.bool_] | None = None
    disagreement_HW: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class _Pass:
    """The image at a scale, mirrored or not, with the windows along its sides."""

    rows: Sequence[Window1D]
    columns: Sequence[Window1D]
    flipped: bool


class Inference:
    """A way to apply a network.

    Args:
        window: height and width in pixels; None: the whole image in one pass.
        overlap: share of a window that lies in the next one, below 1.
        blending: weights of windows where they overlap: `uniform`, or a `gaussian` around their
            middle.
        scales: factors by which the image is resized; probabilities are averaged over them.
        flip: also predict the mirrored image, at every scale.
        max_memory_gib: images of which one pass would take more are cut into windows that take
            less, also where `window` is None or larger; None: no limit.

    Raises:
        ConfigError: a value out of range.
    """

    def __init__(
        self,
        *,
        window: Sequence[int] | None = None,
        overlap: float = 0.5,
        blending: Literal["gaussian", "uniform"] = "gaussian",
        scales: Sequence[float] = (1.0,),
        flip: bool = False,
        max_memory_gib: float | None = None,
    ) -> None:
        self.window = None if window is None else (int(window[0]), int(window[-1]))
        self.overlap, self.blending = overlap, blending
        self.scales, self.flip = tuple(float(scale) for scale in scales), flip
        self.max_memory_gib = max_memory_gib
        if self.window is not None and min(self.window) < 1:
            raise ConfigError(f"inference.window={list(self.window)}; allowed: 1 or more pixels")
        if not 0 <= self.overlap < 1:
            raise ConfigError(f"inference.overlap={self.overlap}; allowed: 0 up to below 1")
        if self.blending not in ("gaussian", "uniform"):
            raise ConfigError(f"inference.blending={self.blending}; allowed: gaussian, uniform")
        if not self.scales or min(self.scales) <= 0:
            raise ConfigError(f"inference.scales={list(self.scales)}; allowed: one or more above 0")
        if self.max_memory_gib is not None and self.max_memory_gib <= 0:
            raise ConfigError(
                f"inference.max_memory_gib={self.max_memory_gib}; allowed: above 0, or null"
            )

    @property
    def num_passes(self) -> int:
        """Return how many predictions of each pixel are averaged."""
        return len(self.scales) * (1 + self.flip)

    @property
    def is_single_pass(self) -> bool:
        """Return whether it is one pass over the whole image, if memory allows."""
        return self.window is None and self.scales == (1.0,) and not self.flip

    def describe(self) -> dict[str, Any]:
        """Return the options, which decide the result, as plain data."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in vars(self).items()
        }

    def fits_whole(self, model: ImageModel, height: int, width: int) -> bool:
        """Return whether an image of this size is computed in one pass."""
        return self.is_single_pass and self._window_for(model, height, width) is None

    def iter_row_blocks(
        self,
        model: ImageModel,
        raster: Raster,
        *,
        probabilities: bool = False,
        disagreement: bool = False,
    ) -> Iterator[RowBlock]:
        """Predict an image from top to bottom without gaps.

        Where it has no data, labels are `ignore_index`, probabilities and disagreement NaN.

        Args:
            model: in evaluation mode.
            raster: the image.
            probabilities: whether to compute them beside the labels.
            disagreement: whether to compute that of the passes, two or more.
        """
        choices = {"probabilities": probabilities, "disagreement": disagreement}
        for block in self._iter_predicted(model, raster, **choices):
            yield _without_data(block, raster, model.labels.ignore_index)

    def _iter_predicted(
        self, model: ImageModel, raster: Raster, **choices: bool
    ) -> Iterator[RowBlock]:
        """Predict an image from top to bottom, whether it has data or not."""
        labels_alone = model.labels_alone and not any(choices.values())
        if labels_alone and self.fits_whole(model, raster.height, raster.width):
            yield _whole_labels(model, raster)
            return
        band: list[Tile] = []
        for tile in self.iter_tiles(model, raster):
            if band and tile.rows != band[0].rows:
                yield _joined(band, **choices)
                band = []
            band.append(tile)
        yield _joined(band, **choices)

    @torch.inference_mode()
    def iter_tiles(self, model: ImageModel, raster: Raster) -> Iterator[Tile]:
        """Predict an image in tiles, on the network's device; each row of tiles from left to right.

        A window is computed when the first row of pixels needs it and dropped after the last one:
        memory grows with the width of the image and not with its height.
        """
        passes = list(self._passes(model, raster))
        computed: list[dict[Window1D, list[WindowLogits]]] = [{} for _ in passes]
        for start in range(0, raster.height, BAND_PX):
            rows = slice(start, min(start + BAND_PX, raster.height))
            for one_pass, by_row in zip(passes, computed, strict=True):
                for row in [row for row in by_row if row.covered.stop <= rows.start]:
                    del by_row[row]
                for row in one_pass.rows:
                    covered = row.covered
                    overlaps = max(covered.start, rows.start) < min(covered.stop, rows.stop)
                    if row not in by_row and overlaps:
                        by_row[row] = [
                            self._window_logits(model, raster, one_pass, row, column)
                            for column in one_pass.columns
                        ]
            windows = [[window for row in by_row.values() for window in row] for by_row in computed]
            yield from iter_tiles(windows, rows, raster.width, model.labels.outputs)

    def labels(self, model: ImageModel, raster: Raster) -> NDArray[Any]:
        """Return the class ids of the whole image, H x W; `ignore_index` where it has no data."""
        return np.concatenate([band.label_HW for band in self.iter_row_blocks(model, raster)])

    def _passes(self, model: ImageModel, raster: Raster) -> Iterator[_Pass]:
        align_corners = model.align_corners
        for scale in self.scales:
            size = [
                scaled_length(length, scale, align_corners=align_corners)
                for length in (raster.height, raster.width)
            ]
            window = self._window_for(model, *size) or (None, None)
            rows, columns = (
                list(windows_1d(length, scaled, span, self.overlap, align_corners=align_corners))
                for length, scaled, span in zip(
                    (raster.height, raster.width), size, window, strict=True
                )
            )
            for flipped in (False, True) if self.flip else (False,):
                yield _Pass(rows, columns, flipped)

    def _window_for(self, model: ImageModel, height: int, width: int) -> tuple[int, int] | None:
        """Return the window for an image of this size; None: all of it."""
        window = self.window or (height, width)
        window = (min(window[0], height), min(window[1], width))
        if self.max_memory_gib is not None:
            pixels = self.max_memory_gib * _GIB / model.bytes_per_pixel
            if window[0] * window[1] > pixels:
                side = (
                    int(sqrt(pixels * _WINDOW_SHARE)) // model.output_stride * model.output_stride
                    + 1
                )
                side = max(_SMALLEST_WINDOW_PX, side)
                window = (min(window[0], side), min(window[1], side))
        return None if window == (height, width) else window

    def _window_logits(
        self, model: ImageModel, raster: Raster, one_pass: _Pass, row: Window1D, column: Window1D
    ) -> WindowLogits:
        image_BCHW = scaled_part(raster, row, column, device=model.device)
        if one_pass.flipped:
            image_BCHW = image_BCHW.flip(3)
        logits = model.forward_image(image_BCHW)
        values_Khw = logits.values[0]
        rows, columns = logits.resize.axes(values_Khw.shape[1:])
        gaussian = self.blending == "gaussian"
        return WindowLogits(
            values_Khw.transpose(0, 1).contiguous(),
            row.axis(rows, flipped=False),
            column.axis(columns, flipped=one_pass.flipped),
            (row.fade(gaussian=gaussian), column.fade(gaussian=gaussian)),
        )


def _joined(band: Sequence[Tile], *, probabilities: bool, disagreement: bool) -> RowBlock:
    labels_HW = label_array(torch.cat([tile.label_HW for tile in band], 1))
    parts = [tile.masks_HKW for tile in band if tile.masks_HKW is not None]
    return RowBlock(
        band[0].rows,
        labels_HW,
        _joined_classes([tile.probabilities_HKW for tile in band]) if probabilities else None,
        _joined_classes(parts) if parts else None,
        torch.cat([tile.disagreement_HW for tile in band], 1).cpu().numpy()
        if disagreement
        else None,
    )


def _joined_classes(parts_HKW: Sequence[Tensor]) -> NDArray[Any]:
    """Join what tiles hold of each class from left to right, K x H x W."""
    return torch.cat(list(parts_HKW), 2).transpose(0, 1).contiguous().cpu().numpy()


def _without_data(block: RowBlock, raster: Raster, ignore_index: int) -> RowBlock:
    """Return predicted rows without what is predicted of pixels that have no data."""
    missing_HW = raster.without_data(block.rows)
    if missing_HW is None or not missing_HW.any():
        return block
    label_HW = np.where(missing_HW, block.label_HW.dtype.type(ignore_index), block.label_HW)
    marked: dict[str, Any] = {
        name: np.where(missing_HW, np.float32(np.nan), values)
        for name in ("probabilities_KHW", "disagreement_HW")
        if (values := getattr(block, name)) is not None
    }
    return replace(block, label_HW=label_HW, **marked)


@torch.inference_mode()
def _whole_labels(model: ImageModel, raster: Raster) -> RowBlock:
    """Predict by a model that computes labels and no logits."""
    rows = slice(0, raster.height)
    image_HWC = torch.from_numpy(raster.read(rows, slice(0, raster.width)))
    image_BCHW = image_HWC.permute(2, 0, 1)[None].contiguous().to(model.device)
    return RowBlock(rows, label_array(model.argmax_labels(image_BCHW)[0]), None)
