"""Launch of the Triton kernels of `depthwise_triton` on tensors."""

import torch
import triton.language as tl
from torch import Tensor

from seg.kernels.depthwise_shapes import TILES, WEIGHT_TILES, Geometry, Tile
from seg.kernels.depthwise_triton import tap_sums, weight_sums

# programs of a weight gradient: eight for each multiprocessor of a large card
_PROGRAMS = 1024
_IN_TRITON = {torch.float32: tl.float32, torch.float64: tl.float64}


def device_of(x: Tensor) -> torch.cuda.device:
    """Return a context that selects the card of `x`, or none under Triton's interpreter."""
    return torch.cuda.device(x.device.index if x.is_cuda else -1)


def convolve(
    x_BCHW: Tensor,
    weight: Tensor,
    geometry: Geometry,
    *,
    tile: Tile = TILES[0],
    relu: bool = False,
) -> Tensor:
    """Compute the depthwise convolution of an input, or of its ReLU.

    Args:
        x_BCHW: in channels_last memory.
        weight: C x 1 x kernel x kernel, of any floating type.
        geometry: of the convolution.
        tile: the output pixels and channels of a program.
        relu: whether negative inputs become zero.

    Returns:
        B x C x H' x W' of the input's type, in channels_last memory.
    """
    output_BCHW = _like(x_BCHW, geometry.output(x_BCHW.shape[2]), geometry.output(x_BCHW.shape[3]))
    _launch_taps(x_BCHW, weight, output_BCHW, geometry=geometry, tile=tile, relu=relu)
    return output_BCHW


def convolve_and_describe(
    x_BCHW: Tensor,
    weight: Tensor,
    geometry: Geometry,
    *,
    tile: Tile = TILES[0],
    relu: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute `convolve`, and mean and variance of each channel of its output over the batch.

    The moments are float32 (float64 of float64); the variance is the mean squared distance.

    Each tile yields its own mean and squared distances from it, and these are combined exactly
    (Chan, Golub and LeVeque, 1979): a mean far from zero costs no digits, as with plain squares.
    """
    output_BCHW = _like(x_BCHW, geometry.output(x_BCHW.shape[2]), geometry.output(x_BCHW.shape[3]))
    images, channels, height, width = output_BCHW.shape
    wide = _summed_in(x_BCHW.dtype)
    total_TC, spread_TC = torch.empty(
        2, images * tile.count(height, width), channels, dtype=wide, device=x_BCHW.device
    )
    _launch_taps(
        x_BCHW,
        weight,
        output_BCHW,
        geometry=geometry,
        tile=tile,
        relu=relu,
        moments=(total_TC, spread_TC),
    )
    count_T1 = _pixels_of_tiles(output_BCHW, tile, wide)
    values = images * height * width
    mean_C = total_TC.sum(0) / values
    apart_TC = total_TC / count_T1 - mean_C
    variance_C = (spread_TC + count_T1 * apart_TC.square()).sum(0) / values
    return output_BCHW, mean_C, variance_C


def input_gradient(
    gradient_BCHW: Tensor,
    x_BCHW: Tensor,
    weight: Tensor,
    geometry: Geometry,
    *,
    tile: Tile = TILES[0],
    relu: bool = False,
) -> Tensor:
    """Return the gradient of the input (before its ReLU) from that of the output.

    Both tensors are in channels_last memory; without a ReLU only the input's shape is used.
    """
    output_BCHW = _like(gradient_BCHW, *x_BCHW.shape[2:])
    activated = x_BCHW if relu else None
    _launch_taps(
        gradient_BCHW,
        weight,
        output_BCHW,
        geometry=geometry,
        tile=tile,
        relu=relu,
        activated=activated,
        transposed=True,
    )
    return output_BCHW


def weight_gradient(
    gradient_BCHW: Tensor,
    x_BCHW: Tensor,
    geometry: Geometry,
    *,
    dtype: torch.dtype,
    tile: Tile = WEIGHT_TILES[0],
    relu: bool = False,
) -> Tensor:
    """Return the gradient of the weight, C x 1 x kernel x kernel, rounded once to `dtype`."""
    images, channels, height, width = gradient_BCHW.shape
    blocks = -(-channels // tile.channels)
    tiles = images * tile.count(height, width)
    tiles_a_part = max(1, -(-tiles * blocks // _PROGRAMS))
    parts = -(-tiles // tiles_a_part)
    shape = (parts, channels, 1, geometry.kernel, geometry.kernel)
    wide = _summed_in(x_BCHW.dtype)
    sums = torch.empty(shape, dtype=wide, device=x_BCHW.device)
    vector, groups = vectors(channels)
    with device_of(x_BCHW):
        weight_sums[(parts * blocks,)](
            x_BCHW,
            gradient_BCHW,
            sums,
            images,
            height,
            width,
            *x_BCHW.shape[2:],
            groups,
            geometry.dilation,
            geometry.padding,
            tiles_a_part,
            KERNEL=geometry.kernel,
            STRIDE=geometry.stride,
            VECTOR=vector,
            RELU=relu,
            SUM=_IN_TRITON[wide],
            ROWS=tile.rows,
            COLUMNS=tile.columns,
            CHANNELS=tile.channels,
            num_warps=tile.warps,
        )
    return sums.sum(0).to(dtype)


def _launch_taps(
    source_BCHW: Tensor,
    weight: Tensor,
    output_BCHW: Tensor,
    *,
    geometry: Geometry,
    tile: Tile,
    relu: bool,
    transposed: bool = False,
    activated: Tensor | None = None,
    moments: tuple[Tensor | None, Tensor | None] = (None, None),
) -> None:
    images, channels, height, width = output_BCHW.shape
    vector, groups = vectors(channels)
    tiles = images * tile.count(height, width)
    with device_of(source_BCHW):
        tap_sums[(tiles * -(-channels // tile.channels),)](
            source_BCHW,
            weight.flatten(1).t().contiguous(),
            output_BCHW,
            activated,
            *moments,
            height,
            width,
            *source_BCHW.shape[2:],
            groups,
            geometry.dilation,
            geometry.padding,
            KERNEL=geometry.kernel,
            STRIDE=geometry.stride,
            TRANSPOSED=transposed,
            VECTOR=vector,
            RELU=relu,
            SUM=_IN_TRITON[_summed_in(source_BCHW.dtype)],
            ROWS=tile.rows,
            COLUMNS=tile.columns,
            CHANNELS=tile.channels,
            num_warps=tile.warps,
        )


def _summed_in(dtype: torch.dtype) -> torch.dtype:
    """Return the type in which values of a type are summed."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def _like(x_BCHW: Tensor, height: int, width: int) -> Tensor:
    return torch.empty(
        (*x_BCHW.shape[:2], height, width),
        dtype=x_BCHW.dtype,
        device=x_BCHW.device,
        memory_format=torch.channels_last,
    )


def vectors(channels: int) -> tuple[int, int]:
    """Return the channels that are read in one piece, and the number of pieces a pixel."""
    vector = 8 if channels % 8 == 0 else 1
    return vector, channels // vector


def _pixels_of_tiles(output_BCHW: Tensor, tile: Tile, dtype: torch.dtype) -> Tensor:
    """Count the pixels of each tile that lie inside the image, as a column."""
    sides = [
        (size - torch.arange(0, size, step, device=output_BCHW.device)).clamp(max=step)
        for size, step in zip(output_BCHW.shape[2:], (tile.rows, tile.columns), strict=True)
    ]
    return torch.outer(*sides).flatten().repeat(len(output_BCHW))[:, None].to(dtype)
