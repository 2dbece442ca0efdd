"""Depthwise convolutions over channels_last memory in Triton: output, gradients, statistics.

One program computes a tile of rows x columns pixels of some channels. Each tap is a masked, shifted
load of the whole tile; channels lie side by side, and sums are in float32 (float64 where the input
is). The gradient of the input comes from the same kernel, which then looks up the outputs that a
pixel contributes to. The gradient of the weight is summed by many programs, each over its own
pixels, and their sums are added in a fixed order: every result is reproducible.

Both kernels can take `relu(x)` in place of x, without writing it anywhere.

Imports Triton: to be imported only where a kernel runs.
"""

import triton
import triton.language as tl


@triton.jit
def tap_sums(
    source: tl.tensor,
    weight: tl.tensor,
    output: tl.tensor,
    activated: tl.tensor,
    total: tl.tensor,
    spread: tl.tensor,
    height: tl.tensor,
    width: tl.tensor,
    source_height: tl.tensor,
    source_width: tl.tensor,
    groups: tl.tensor,
    dilation: tl.tensor,
    padding: tl.tensor,
    KERNEL: tl.constexpr,
    STRIDE: tl.constexpr,
    TRANSPOSED: tl.constexpr,
    VECTOR: tl.constexpr,
    RELU: tl.constexpr,
    SUM: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    CHANNELS: tl.constexpr,
) -> None:
    """Store a tile of the convolution of `source`, or with TRANSPOSED of the gradient of its input.

    `weight` is taps x channels. TRANSPOSED, `source` is the gradient of the output, `output` has
    the size of the input, and `activated`, if not None, is that input: where it is not above 0,
    the result is 0. `total` and `spread`, if not None, take each channel's sum over the tile
    and the squared distances from the tile's mean, one row a tile.
    """
    # a product tells the compiler how rows are aligned: 728 channels are read eight at a time
    channels = groups * VECTOR
    blocks = tl.cdiv(channels, CHANNELS)
    tile = tl.program_id(0) // blocks
    channel_C = tl.program_id(0) % blocks * CHANNELS + tl.arange(0, CHANNELS)
    image, row_P, column_P = _pixels(tile, height, width, ROWS, COLUMNS)
    place_P = row_P * width + column_P
    inside_P = (row_P < height) & (column_P < width)
    start = source + image * (source_height * source_width) * channels
    skipped = image * (height * width) * channels
    sum_PC = tl.zeros([ROWS * COLUMNS, CHANNELS], SUM)
    for tap in tl.static_range(KERNEL * KERNEL):
        down, across = _steps(tap, dilation, padding, KERNEL)
        there_row_P, has_row_P = _there(row_P, down, source_height, STRIDE, TRANSPOSED)
        there_column_P, has_column_P = _there(column_P, across, source_width, STRIDE, TRANSPOSED)
        there_P = there_row_P * source_width + there_column_P
        exists_P = has_row_P & has_column_P
        value_PC = _read(start, there_P, exists_P, channel_C, channels, SUM)
        if RELU and not TRANSPOSED:
            value_PC = tl.maximum(value_PC, 0.0)
        tap_C = tl.load(weight + tap * channels + channel_C, mask=channel_C < channels)
        sum_PC += value_PC * tap_C.to(SUM)[None, :]
    if activated is not None:
        value_PC = _read(activated + skipped, place_P, inside_P, channel_C, channels, SUM)
        sum_PC = tl.where(value_PC > 0.0, sum_PC, 0.0)
    rounded_PC = sum_PC.to(output.dtype.element_ty)
    inside_PC = inside_P[:, None] & (channel_C < channels)[None, :]
    offset_PC = place_P[:, None] * channels + channel_C[None, :]
    tl.store(output + skipped + offset_PC, rounded_PC, mask=inside_PC)
    if total is not None:
        # of the values as they are stored, which are the input of the batch norm
        _describe(rounded_PC.to(SUM), inside_P, tile, channel_C, channels, total, spread, SUM)


@triton.jit
def weight_sums(
    source: tl.tensor,
    gradient: tl.tensor,
    parts: tl.tensor,
    images: tl.tensor,
    height: tl.tensor,
    width: tl.tensor,
    source_height: tl.tensor,
    source_width: tl.tensor,
    groups: tl.tensor,
    dilation: tl.tensor,
    padding: tl.tensor,
    tiles_a_part: tl.tensor,
    KERNEL: tl.constexpr,
    STRIDE: tl.constexpr,
    VECTOR: tl.constexpr,
    RELU: tl.constexpr,
    SUM: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    CHANNELS: tl.constexpr,
) -> None:
    """Store the gradient of the weight over some tiles of the output: one part of the sum."""
    channels = groups * VECTOR
    blocks = tl.cdiv(channels, CHANNELS)
    part = tl.program_id(0) // blocks
    channel_C = tl.program_id(0) % blocks * CHANNELS + tl.arange(0, CHANNELS)
    tiles = images * tl.cdiv(height, ROWS) * tl.cdiv(width, COLUMNS)
    # summed over the pixels only at the end: until then no thread waits for another
    sums = ()
    for _ in tl.static_range(KERNEL * KERNEL):
        sums = sums + (tl.zeros([ROWS * COLUMNS, CHANNELS], SUM),)  # type: ignore[assignment] # noqa: RUF005
    for tile in range(part * tiles_a_part, tl.minimum((part + 1) * tiles_a_part, tiles)):
        image, row_P, column_P = _pixels(tile, height, width, ROWS, COLUMNS)
        place_P = row_P * width + column_P
        inside_P = (row_P < height) & (column_P < width)
        there = gradient + image * (height * width) * channels
        slope_PC = _read(there, place_P, inside_P, channel_C, channels, SUM)
        start = source + image * (source_height * source_width) * channels
        grown = ()
        for tap in tl.static_range(KERNEL * KERNEL):
            down, across = _steps(tap, dilation, padding, KERNEL)
            there_row_P, has_row_P = _there(row_P, down, source_height, STRIDE, False)
            there_column_P, has_column_P = _there(column_P, across, source_width, STRIDE, False)
            there_P = there_row_P * source_width + there_column_P
            exists_P = inside_P & has_row_P & has_column_P
            value_PC = _read(start, there_P, exists_P, channel_C, channels, SUM)
            if RELU:
                value_PC = tl.maximum(value_PC, 0.0)
            grown = grown + (sums[tap] + value_PC * slope_PC,)  # type: ignore[assignment] # noqa: RUF005
        sums = grown
    offset_C = (part * channels + channel_C) * KERNEL * KERNEL
    for tap in tl.static_range(KERNEL * KERNEL):
        tl.store(parts + offset_C + tap, tl.sum(sums[tap], 0), mask=channel_C < channels)


@triton.jit
def _pixels(
    tile: tl.tensor, height: tl.tensor, width: tl.tensor, ROWS: tl.constexpr, COLUMNS: tl.constexpr
) -> tuple[tl.tensor, tl.tensor, tl.tensor]:
    """Return the image that a tile lies in, and rows and columns of its pixels."""
    tiles_down = tl.cdiv(height, ROWS)
    tiles_across = tl.cdiv(width, COLUMNS)
    pixel_P = tl.arange(0, ROWS * COLUMNS)
    row_P = tile // tiles_across % tiles_down * ROWS + pixel_P // COLUMNS
    column_P = tile % tiles_across * COLUMNS + pixel_P % COLUMNS
    # a batch may have more values than 32 bits count; one image never has
    return (tile // (tiles_across * tiles_down)).to(tl.int64), row_P, column_P


@triton.jit
def _steps(
    tap: tl.constexpr, dilation: tl.tensor, padding: tl.tensor, KERNEL: tl.constexpr
) -> tuple[tl.tensor, tl.tensor]:
    """Return rows and columns from an output's first pixel without padding to a tap."""
    return tap // KERNEL * dilation - padding, tap % KERNEL * dilation - padding


@triton.jit
def _there(
    place_P: tl.tensor,
    step: tl.tensor,
    side: tl.tensor,
    STRIDE: tl.constexpr,
    TRANSPOSED: tl.constexpr,
) -> tuple[tl.tensor, tl.tensor]:
    """Return along one axis the pixels at the other end of a tap, and whether they exist."""
    if TRANSPOSED:
        reach_P = place_P - step
        there_P = reach_P // STRIDE
        exists_P = (reach_P >= 0) & (reach_P % STRIDE == 0) & (there_P < side)
    else:
        there_P = place_P * STRIDE + step
        exists_P = (there_P >= 0) & (there_P < side)
    return there_P, exists_P


@triton.jit
def _read(
    start: tl.tensor,
    place_P: tl.tensor,
    exists_P: tl.tensor,
    channel_C: tl.tensor,
    channels: tl.tensor,
    SUM: tl.constexpr,
) -> tl.tensor:
    """Load the values at some pixels of one image; zero where a pixel does not exist."""
    exists_PC = exists_P[:, None] & (channel_C < channels)[None, :]
    offset_PC = place_P[:, None] * channels + channel_C[None, :]
    return tl.load(start + offset_PC, mask=exists_PC, other=0.0).to(SUM)


@triton.jit
def _describe(
    value_PC: tl.tensor,
    inside_P: tl.tensor,
    tile: tl.tensor,
    channel_C: tl.tensor,
    channels: tl.tensor,
    total: tl.tensor,
    spread: tl.tensor,
    SUM: tl.constexpr,
) -> None:
    """Store the sum of a tile's values, and of squared distances from its mean, by channel."""
    total_C = tl.sum(tl.where(inside_P[:, None], value_PC, 0.0), 0)
    mean_C = total_C / tl.sum(inside_P.to(SUM), 0)
    apart_PC = tl.where(inside_P[:, None], value_PC - mean_C[None, :], 0.0)
    offset_C = tile.to(tl.int64) * channels + channel_C
    tl.store(total + offset_C, total_C, mask=channel_C < channels)
    tl.store(spread + offset_C, tl.sum(apart_PC * apart_PC, 0), mask=channel_C < channels)
