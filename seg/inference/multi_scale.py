"""Parts of a picture as a network at some scale sees them."""

from itertools import chain

import torch
from torch import Tensor, nn

from seg.inference.image_source import Raster
from seg.inference.sliding_window import Window1D
from seg.models.resampling import Axis

_PART_PX = 256  # pixels that are made at once: others' sources are none of theirs


def device_of(model: nn.Module) -> torch.device:
    """Where a network computes."""
    return next(chain(model.parameters(), model.buffers())).device


def scaled_part(raster: Raster, row: Window1D, column: Window1D, *, device: torch.device) -> Tensor:
    """A window of a picture that is resized bilinearly, without smoothing first, as in TensorFlow.

    Returns:
        float32, 1 x 3 x h x w, in 0..255.
    """
    source_rows, source_columns = _source(row), _source(column)
    part_HW3 = torch.from_numpy(raster.read(source_rows, source_columns))
    image_3HW = part_HW3.to(device).permute(2, 0, 1).float()
    image_3Hw = _resized(image_3HW, column, source_columns.start)
    image_3wh = _resized(image_3Hw.transpose(1, 2), row, source_rows.start)
    return image_3wh.transpose(1, 2)[None]


def _axis(side: Window1D) -> Axis:
    """From pixels of the scaled picture to those of the picture."""
    return Axis.of_resize(side.length, side.scaled, side.scaled, align_corners=side.align_corners)


def _source(side: Window1D) -> slice:
    """The pixels of the picture that a window is made of."""
    if side.scaled == side.length:
        return slice(side.start, side.stop)
    axis = _axis(side)
    first, last = (
        axis.weights(at, at + 1, dtype=torch.float32, device=torch.device("cpu"))[0]
        for at in (side.start, side.stop - 1)
    )
    return slice(first.start, last.stop)


def _resized(values_CHW: Tensor, side: Window1D, begins: int) -> Tensor:
    """The last side of a source that begins at some pixel, resized."""
    if side.scaled == side.length:
        return values_CHW
    parts = []
    for start in range(side.start, side.stop, _PART_PX):
        source, weight = _axis(side).weights(
            start,
            min(start + _PART_PX, side.stop),
            dtype=values_CHW.dtype,
            device=values_CHW.device,
        )
        parts.append(values_CHW[..., source.start - begins : source.stop - begins] @ weight)
    return torch.cat(parts, -1)
