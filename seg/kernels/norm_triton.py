"""The batch norm and ReLU after a depthwise convolution, forwards and backwards, in Triton.

Rows are the pixels of all images, columns the channels. Imports Triton: to be imported only where a
kernel runs.
"""

import triton
import triton.language as tl


@triton.jit
def normalize(
    value: tl.tensor,
    scale: tl.tensor,
    shift: tl.tensor,
    output: tl.tensor,
    rows: tl.tensor,
    groups: tl.tensor,
    VECTOR: tl.constexpr,
    RELU: tl.constexpr,
    ROWS: tl.constexpr,
    CHANNELS: tl.constexpr,
) -> None:
    """Store `relu(scale * value + shift)`."""
    channels = groups * VECTOR
    offset_RC, channel_C, inside_RC = _block(tl.program_id(0), rows, channels, ROWS, CHANNELS)
    value_RC = tl.load(value + offset_RC, mask=inside_RC, other=0.0).to(tl.float32)
    moved_RC = _moved(value_RC, scale, shift, channel_C, channels)
    if RELU:
        moved_RC = tl.maximum(moved_RC, 0.0)
    tl.store(output + offset_RC, moved_RC.to(output.dtype.element_ty), mask=inside_RC)


@triton.jit
def gradient_sums(
    gradient: tl.tensor,
    value: tl.tensor,
    scale: tl.tensor,
    shift: tl.tensor,
    mean: tl.tensor,
    parts: tl.tensor,
    rows: tl.tensor,
    groups: tl.tensor,
    blocks_a_part: tl.tensor,
    VECTOR: tl.constexpr,
    RELU: tl.constexpr,
    ROWS: tl.constexpr,
    CHANNELS: tl.constexpr,
) -> None:
    """Sum over some rows the gradient past the ReLU, and its product with `value - mean`."""
    channels = groups * VECTOR
    across = tl.cdiv(channels, CHANNELS)
    part = tl.program_id(0) // across
    sum_RC = tl.zeros([ROWS, CHANNELS], tl.float32)
    product_RC = tl.zeros([ROWS, CHANNELS], tl.float32)
    last = tl.minimum((part + 1) * blocks_a_part, tl.cdiv(rows, ROWS))
    for block in range(part * blocks_a_part, last):
        place = block * across + tl.program_id(0) % across
        offset_RC, channel_C, inside_RC = _block(place, rows, channels, ROWS, CHANNELS)
        value_RC = tl.load(value + offset_RC, mask=inside_RC, other=0.0).to(tl.float32)
        slope_RC = tl.load(gradient + offset_RC, mask=inside_RC, other=0.0).to(tl.float32)
        slope_RC = _past_relu(slope_RC, value_RC, scale, shift, channel_C, channels, RELU)
        mean_C = tl.load(mean + channel_C, mask=channel_C < channels)
        sum_RC += slope_RC
        product_RC += slope_RC * (value_RC - mean_C[None, :])
    channel_C = tl.program_id(0) % across * CHANNELS + tl.arange(0, CHANNELS)
    offset_C = part * 2 * channels + channel_C
    tl.store(parts + offset_C, tl.sum(sum_RC, 0), mask=channel_C < channels)
    tl.store(parts + offset_C + channels, tl.sum(product_RC, 0), mask=channel_C < channels)


@triton.jit
def input_gradient(
    gradient: tl.tensor,
    value: tl.tensor,
    scale: tl.tensor,
    shift: tl.tensor,
    per_value: tl.tensor,
    constant: tl.tensor,
    output: tl.tensor,
    rows: tl.tensor,
    groups: tl.tensor,
    VECTOR: tl.constexpr,
    RELU: tl.constexpr,
    ROWS: tl.constexpr,
    CHANNELS: tl.constexpr,
) -> None:
    """Store `scale * (gradient past the ReLU) + per_value * value + constant`."""
    channels = groups * VECTOR
    offset_RC, channel_C, inside_RC = _block(tl.program_id(0), rows, channels, ROWS, CHANNELS)
    value_RC = tl.load(value + offset_RC, mask=inside_RC, other=0.0).to(tl.float32)
    slope_RC = tl.load(gradient + offset_RC, mask=inside_RC, other=0.0).to(tl.float32)
    slope_RC = _past_relu(slope_RC, value_RC, scale, shift, channel_C, channels, RELU)
    scale_C = tl.load(scale + channel_C, mask=channel_C < channels)
    result_RC = slope_RC * scale_C[None, :]
    result_RC += _moved(value_RC, per_value, constant, channel_C, channels)
    tl.store(output + offset_RC, result_RC.to(output.dtype.element_ty), mask=inside_RC)


@triton.jit
def _block(
    place: tl.tensor,
    rows: tl.tensor,
    channels: tl.tensor,
    ROWS: tl.constexpr,
    CHANNELS: tl.constexpr,
) -> tuple[tl.tensor, tl.tensor, tl.tensor]:
    """Return offsets, channels and a mask of the inside of one block of rows and channels."""
    across = tl.cdiv(channels, CHANNELS)
    row_R = (place // across).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    channel_C = place % across * CHANNELS + tl.arange(0, CHANNELS)
    inside_RC = (row_R < rows)[:, None] & (channel_C < channels)[None, :]
    return row_R[:, None] * channels + channel_C[None, :], channel_C, inside_RC


@triton.jit
def _past_relu(
    slope_RC: tl.tensor,
    value_RC: tl.tensor,
    scale: tl.tensor,
    shift: tl.tensor,
    channel_C: tl.tensor,
    channels: tl.tensor,
    RELU: tl.constexpr,
) -> tl.tensor:
    """Return the gradient before the ReLU, if there is one, from that after it."""
    if RELU:
        moved_RC = _moved(value_RC, scale, shift, channel_C, channels)
        slope_RC = tl.where(moved_RC > 0.0, slope_RC, 0.0)
    return slope_RC


@triton.jit
def _moved(
    value_RC: tl.tensor,
    scale: tl.tensor,
    shift: tl.tensor,
    channel_C: tl.tensor,
    channels: tl.tensor,
) -> tl.tensor:
    scale_C = tl.load(scale + channel_C, mask=channel_C < channels)
    shift_C = tl.load(shift + channel_C, mask=channel_C < channels)
    return value_RC * scale_C[None, :] + shift_C[None, :]
