"""Trees, bushes and hedges: lobed crowns with ragged edges."""

import math

import numpy as np
from numpy.typing import NDArray

from seg.data.datasets.streets.barriers import upright
from seg.data.datasets.streets.canvas import Color, Mask
from seg.data.datasets.streets.scene_state import Board, Stage, dim, train_id
from seg.data.datasets.streets.texture import TILE, Texture, wallpaper

LEAVES: tuple[Color, ...] = (
    (74, 100, 50), (92, 112, 58), (58, 86, 48), (104, 118, 66), (84, 96, 44), (126, 120, 60),
    (150, 112, 56), (66, 92, 66),
)  # fmt: skip
BARK: tuple[Color, ...] = ((84, 72, 58), (104, 94, 80), (66, 56, 46), (132, 128, 116))
Lobe = tuple[float, float, float]
Shorts = NDArray[np.int16]


def tree(stage: Stage, across: float, ahead: float, scale: float = 1.0) -> None:
    """Draw a broad-leaved tree, a conifer or a bare one in its young years."""
    dice = stage.dice
    board = stage.board(across, ahead)
    tall = dice.between(4.5, 8.0) * scale
    wide = tall * dice.between(0.26, 0.4)
    brown = stage.lit(dice.vary(dice.pick(BARK), 12), (0.0, 0.0, -1.0))
    bark = board.part(brown, train_id("vegetation"), texture=Texture.LEAVES)
    girth = 0.055 * tall
    base = tall * dice.between(0.26, 0.38)
    board.limb(bark, (0.0, 0.0), (0.0, (base + tall) / 2), girth, girth * 0.7)
    board.limb(bark, (0.0, base), (wide * 0.3, base + wide * 0.5), girth * 0.6, girth * 0.3)
    board.limb(bark, (0.0, base), (-wide * 0.28, base + wide * 0.55), girth * 0.6, girth * 0.3)
    lobes: list[Lobe] = []
    if dice.chance(0.18):
        lobes += [(0.0, base + (tall - base) * k / 4, wide * (1.0 - k / 5)) for k in range(4)]
    else:
        middle = (base + tall) / 2 + 0.1 * tall
        lobes.append((0.0, middle, wide * 0.8))
        for _ in range(4):
            x, y = dice.between(-0.6, 0.6) * wide, middle + dice.between(-0.5, 0.6) * wide
            lobes.append((x, y, wide * dice.between(0.45, 0.7)))
    crown(stage, board, lobes, dice.vary(dice.pick(LEAVES), 14))


def bush(stage: Stage, across: float, ahead: float, tall: float) -> None:
    """Draw a bush of three lobes."""
    dice = stage.dice
    board = stage.board(across, ahead)
    lobes: list[Lobe] = []
    for _ in range(3):
        x, y = dice.between(-0.7, 0.7) * tall, tall * dice.between(0.35, 0.55)
        lobes.append((x, y, tall * dice.between(0.4, 0.6)))
    crown(stage, board, lobes, dice.vary(dice.pick(LEAVES), 14))


def crown(stage: Stage, board: Board, lobes: list[Lobe], color: Color) -> None:
    """Fill the union of discs, frayed and mottled by noise, lit from the sun's side."""
    canvas, scale = stage.canvas, board.scale
    height, width = canvas.parts_HW.shape
    spots = [(board.column + x * scale, board.row - y * scale, r * scale) for x, y, r in lobes]
    left = max(0, math.floor(min(x - 1.25 * r for x, _, r in spots)))
    right = min(width, math.floor(max(x + 1.25 * r for x, _, r in spots)) + 1)
    top = max(0, math.floor(min(y - 1.25 * r for _, y, r in spots)))
    bottom = min(
        height, math.floor(board.row) + 1, math.floor(max(y + 1.25 * r for _, y, r in spots)) + 1
    )
    if left >= right or top >= bottom:
        return
    rows = np.arange(top, bottom, dtype=np.int32)[:, None]
    columns = np.arange(left, right, dtype=np.int32)[None, :]
    depth = np.full((bottom - top, right - left), 9999, np.int32)
    for x, y, radius in spots:
        step = 1 + math.floor(radius) // 512  # squares of large images would not fit 32 bits
        reach = max(2, math.floor(radius) // step)
        x_off, y_off = (columns - math.floor(x)) // step, (rows - math.floor(y)) // step
        away = x_off * x_off + y_off * y_off
        np.minimum(depth, away * (1048576 // (reach * reach)) >> 10, out=depth)
    coarse, fine = _noise(stage, depth.shape, max(1, min(6, math.floor(scale * 0.12))))
    inside = depth + coarse < 1024
    sun = stage.weather.sun
    middle = spots[0]
    reach = max(2, math.floor(middle[2]))
    side = (columns - math.floor(middle[0])) * math.floor(sun[0] * 256) // reach
    rise = (math.floor(middle[1]) - rows) * math.floor(sun[1] * 256) // reach
    light = side + rise + fine * 2
    _paint(board, (top, left), inside, light, color)


def _noise(stage: Stage, shape: tuple[int, ...], grain: int) -> tuple[Shorts, Shorts]:
    """Return windows of coarse noise for the edge and of fine noise for the face."""
    row, column = stage.dice.whole(0, TILE - 1), stage.dice.whole(0, TILE - 1)
    window = np.s_[row : row + shape[0], column : column + shape[1]]
    size = stage.canvas.parts_HW.shape
    return wallpaper(grain, 420, 40, *size)[window], wallpaper(grain, 110, 41, *size)[window]


def _paint(
    board: Board, corner: tuple[int, int], inside: Mask, light: NDArray[np.int32], color: Color
) -> None:
    """Fill the crown in four tones from the shaded to the lit leaves."""
    stage = board.stage
    label = train_id("vegetation")
    strength = 0.5 + 0.5 * min(1.0, stage.weather.direct / 0.5)
    base = stage.weather.ambient + 0.12
    for low, factor in ((-9999, 0.62), (-110, 0.84), (30, 1.05), (170, 1.26)):
        lit = dim(color, base * (1.0 + (factor - 0.9) * strength))
        part = board.part(lit, label, texture=Texture.LEAVES)
        stage.canvas.fill_mask(part, inside & (light >= low), *corner)


def hedge(stage: Stage, near: float, far: float, across: float, tall: float) -> None:
    """Draw a clipped hedge along the road: a side, its lighter top and a face at its end."""
    label = train_id("vegetation")
    color = stage.dice.vary(stage.dice.pick(LEAVES[:6]), 12)
    out = across + (0.9 if across > 0 else -0.9)
    inward = -1.0 if across > 0 else 1.0
    side = upright(across, near, far, 0.0, tall)
    top = ((across, tall, near), (out, tall, near), (out, tall, far), (across, tall, far))
    end = ((across, 0.0, near), (out, 0.0, near), (out, tall, near), (across, tall, near))
    for normal, points, factor in (
        ((0.0, 1.0, 0.0), np.array(top, np.float64), 1.0),
        ((inward, 0.0, 0.0), side, 0.92),
        ((0.0, 0.0, -1.0), np.array(end, np.float64), 0.9),
    ):
        lit = stage.lit(dim(color, factor), normal)
        part = stage.canvas.part(lit, label, near, texture=Texture.LEAVES)
        stage.quads(part, points[None])
