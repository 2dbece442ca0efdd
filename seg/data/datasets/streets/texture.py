"""Surface textures: periodic integer tiles, computed once a process from an integer hash."""

from enum import IntEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

TILE = 256
TEXELS_PER_M = 32
_Tile = NDArray[np.int64]


class Texture(IntEnum):
    """The kind of a surface; its position in `tiles()`."""

    FLAT = 0
    PLASTER = 1
    BRICK = 2
    LEAVES = 3
    CONCRETE = 4
    ASPHALT = 5
    COBBLES = 6
    SLABS = 7
    LAWN = 8
    GRAVEL = 9
    PAVERS = 10


def hashed(rows: _Tile, columns: _Tile, seed: int) -> _Tile:
    """Return a hash of two coordinate grids, 0..255, whitened over 32 bits."""
    mask = 0xFFFFFFFF
    value = (rows * 374761393 + columns * 668265263 + seed * 1442695041) & mask
    value = ((value ^ (value >> 13)) * 1274126177) & mask
    value = ((value ^ (value >> 16)) * 374761393) & mask
    return (value ^ (value >> 15)) >> 8 & 255


def _grid() -> tuple[_Tile, _Tile]:
    rows, columns = np.mgrid[0:TILE, 0:TILE].astype(np.int64)
    return rows, columns


@cache
def smooth(radius: int, amplitude: int, seed: int) -> _Tile:
    """Return periodic noise of about `radius` pixels' grain within +-amplitude."""
    value = hashed(*_grid(), seed) - 128
    for axis in (0, 1, 0, 1) if radius else ():
        value = sum(
            (np.roll(value, shift, axis) for shift in range(-radius, radius + 1)), 0 * value
        )
    return value * amplitude // int(np.abs(value).max())


@cache
def wallpaper(radius: int, amplitude: int, seed: int, height: int, width: int) -> NDArray[np.int16]:
    """Return `smooth` noise repeated so that a window of a size may start anywhere in a tile."""
    rows = np.arange(height + TILE) % TILE
    columns = np.arange(width + TILE) % TILE
    return smooth(radius, amplitude, seed)[np.ix_(rows, columns)].astype(np.int16)


def _cells(height: int, width: int, seam: int, spread: int, seed: int) -> _Tile:
    """Return a running bond of stones with darker joints."""
    rows, columns = _grid()
    course = rows // height
    shifted = (columns + (course % 2) * (width // 2)) % TILE
    stone = (hashed(course, shifted // width, seed) - 128) * spread // 128
    joint = (rows % height == 0) | (shifted % width == 0)
    return np.where(joint, seam, stone)


@cache
def tiles() -> NDArray[np.int16]:
    """Return all textures, kinds x 256 x 256: offsets to a brightness of 256."""
    grain = smooth(0, 9, 1)
    kinds = {
        Texture.FLAT: smooth(0, 5, 2) + smooth(9, 10, 3),
        Texture.PLASTER: grain + smooth(14, 26, 4) + smooth(2, 12, 5),
        Texture.BRICK: grain + _cells(4, 12, 34, 34, 6) + smooth(12, 18, 7),
        Texture.LEAVES: smooth(0, 30, 8) + smooth(1, 70, 9) + smooth(4, 60, 10),
        Texture.CONCRETE: smooth(0, 16, 11) + smooth(6, 30, 12) + smooth(20, 24, 13),
        Texture.ASPHALT: smooth(0, 14, 14) + smooth(1, 14, 15) + smooth(22, 26, 16),
        Texture.COBBLES: grain + _cells(4, 4, -52, 34, 17) + smooth(20, 18, 18),
        Texture.SLABS: grain + _cells(32, 32, -46, 16, 19) + smooth(8, 16, 20),
        Texture.LAWN: smooth(0, 40, 21) + smooth(1, 50, 22) + smooth(12, 40, 23),
        Texture.GRAVEL: smooth(0, 50, 24) + smooth(1, 44, 25) + smooth(14, 16, 26),
        Texture.PAVERS: grain + _cells(4, 8, -34, 24, 27) + smooth(12, 16, 28),
    }
    stack = np.stack([kinds[kind] for kind in Texture]).astype(np.int16)
    stack.setflags(write=False)
    return stack
