"""Parts of an image, resized to the scale at which a network sees them."""

import torch
from torch import Tensor

from seg.inference.image_source import Raster
from seg.inference.sliding_window import Window1D
from seg.kernels.resize import Axis

# pixels that are computed at once: the weight matrix of a part holds only the sources of that part
_PART_PX = 256


def scaled_part(raster: Raster, row: Window1D, column: Window1D, *, device: torch.device) -> Tensor:
    """Read a window of an image resized bilinearly, without smoothing first, as in TensorFlow.

    Returns:
        float32, 1 x channels x h x w, in 0..255.
    """
    source_rows, source_columns = _source(row), _source(column)
    part_HWC = torch.from_numpy(raster.read(source_rows, source_columns))
    image_CHW = part_HWC.to(device).permute(2, 0, 1).float()
    image_CHw = _resized(image_CHW, column, source_columns.start)
    image_Cwh = _resized(image_CHw.transpose(1, 2), row, source_rows.start)
    return image_Cwh.transpose(1, 2)[None]


def _axis(side: Window1D) -> Axis:
    """Return the positions of the image's pixels for those of the scaled image."""
    return Axis.of_resize(side.length, side.scaled, side.scaled, align_corners=side.align_corners)


def _source(side: Window1D) -> slice:
    """Return the pixels of the image from which a window is computed."""
    if side.scaled == side.length:
        return slice(side.start, side.stop)
    return _axis(side).sources(slice(side.start, side.stop))


def _resized(values_CHW: Tensor, side: Window1D, begins: int) -> Tensor:
    """Resize the last axis of a part of the image that begins at pixel `begins`."""
    if side.scaled == side.length:
        return values_CHW
    parts = []
    for start in range(side.start, side.stop, _PART_PX):
        pixels = slice(start, min(start + _PART_PX, side.stop))
        source, weight = _axis(side).weights(
            pixels, dtype=values_CHW.dtype, device=values_CHW.device
        )
        parts.append(values_CHW[..., source.start - begins : source.stop - begins] @ weight)
    return torch.cat(parts, -1)
