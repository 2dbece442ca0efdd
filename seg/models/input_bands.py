"""Which bands of an image the kernels for red, green and blue of trained encoders read."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, TypeAlias

from seg.errors import ConfigError

Color: TypeAlias = Literal["red", "green", "blue"]
COLORS: tuple[Color, ...] = ("red", "green", "blue")
InputBands: TypeAlias = tuple[Color | None, ...]
"""For each channel of an image the color whose kernels read it; None: the mean of the three."""


def input_bands(
    in_channels: int,
    names: Sequence[int | str] | None = None,
    chosen: Sequence[Color | None] | None = None,
) -> InputBands:
    """Return whose kernels each channel is read by.

    Args:
        in_channels: of the image.
        names: or numbers of the bands; red, green and blue read theirs where all three are there.
        chosen: for each channel a color or None, in place of the usual choice: by names, else the
            first three channels are red, green and blue. Fewer than three have no colors.

    Raises:
        ConfigError: another number of `chosen` than channels, or another word.
    """
    if chosen is not None:
        if len(chosen) != in_channels or not {*chosen} <= {*COLORS, None}:
            raise ConfigError(
                f"encoder.input_bands={list(chosen)} for images of {in_channels} channels\n"
                "  give red, green, blue or null (the mean of the three) for each channel"
            )
        return tuple(chosen)
    lowered = [name.lower() if isinstance(name, str) else "" for name in names or ()]
    if len(lowered) == in_channels and all(lowered.count(color) == 1 for color in COLORS):
        return tuple(next((each for each in COLORS if each == name), None) for name in lowered)
    if in_channels < len(COLORS):
        return (None,) * in_channels
    return (*COLORS, *(None,) * (in_channels - len(COLORS)))


def positions(bands: InputBands, others: InputBands) -> list[int] | None:
    """Return where each of `bands` stands in the same ones in another order; None: they differ."""
    if Counter(bands) != Counter(others):
        return None
    places = {band: [i for i, each in enumerate(others) if each == band] for band in bands}
    return [places[band].pop(0) for band in bands]


def is_complete(bands: InputBands) -> bool:
    """Return whether red, green and blue are among the bands."""
    return {*COLORS} <= {*bands}
