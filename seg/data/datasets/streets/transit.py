"""Buses and trams (the class `train`: rail vehicles)."""

from seg.data.datasets.streets.canvas import Color
from seg.data.datasets.streets.cars import (
    DARK,
    GLASS,
    METAL,
    WHITE_LIGHT,
    lamp_colors,
    lights,
    tyres,
    wheels,
)
from seg.data.datasets.streets.mesh import Block, Face, block, sheared
from seg.data.datasets.streets.rng import Dice
from seg.data.datasets.streets.scene_state import dim, mix

AMBER: Color = (250, 170, 40)
LIVERIES: tuple[tuple[Color, Color], ...] = (
    ((216, 176, 44), (40, 42, 46)), ((178, 36, 34), (232, 230, 224)),
    ((228, 230, 230), (30, 92, 160)), ((46, 110, 84), (232, 228, 210)),
    ((44, 84, 146), (236, 236, 232)), ((226, 222, 206), (176, 40, 40)),
)  # fmt: skip


def bus(dice: Dice, dark: bool) -> list[Block]:
    """Build one tall box: a band of windows, doors, a line number."""
    paint, accent = dice.pick(LIVERIES)
    paint, accent = dice.vary(paint, 16), dice.vary(accent, 12)
    length, tall = dice.between(8.5, 11.5), dice.between(2.9, 3.2)
    body = block(
        (0, length), (-1.25, 1.25), (0.35, tall), paint, front_in=0.12, rear_in=0.05, side_in=0.04
    )
    lit = (238, 222, 170) if dark else GLASS
    pillars = dice.whole(5, 7)
    for side in body.sides:
        side.panel(0, 1, 0, 0.08, dim(paint, 0.5))
        side.panel(0, 1, 0.14, 0.3, accent)
        side.panel(0.02, 0.98, 0.42, 0.84, DARK)
        for pane in range(pillars):
            left = 0.03 + pane * 0.94 / pillars
            side.panel(left, left + 0.94 / pillars - 0.02, 0.45, 0.81, lit, glow=dark)
        wheels(side, [0.2, 0.76], 0.48, (length, tall - 0.35), 0.13)
    for door in (0.5, 0.86):
        body.right.panel(door, door + 0.1, 0.04, 0.84, DARK)
        body.right.panel(door + 0.01, door + 0.047, 0.08, 0.8, lit, glow=dark)
        body.right.panel(door + 0.053, door + 0.09, 0.08, 0.8, lit, glow=dark)
    _bus_front(body.front, accent, dark)
    _bus_rear(body.rear, accent, dark)
    hump = block((length * 0.35, length * 0.75), (-0.8, 0.8), (tall, tall + 0.22), dim(paint, 0.8))
    return [body, hump]


def _bus_front(front: Face, accent: Color, dark: bool) -> None:
    front.panel(0.04, 0.96, 0.32, 0.97, DARK)
    front.panel(0.06, 0.94, 0.34, 0.82, (120, 116, 100) if dark else GLASS)
    front.shape(((0.1, 0.4), (0.4, 0.8), (0.1, 0.8)), mix(GLASS, (190, 206, 222), 0.35))
    front.panel(0.14, 0.86, 0.86, 0.95, AMBER, glow=True)
    for gap in (0.3, 0.38, 0.55, 0.68):
        front.panel(gap, gap + 0.03, 0.87, 0.94, DARK)
    front.panel(0, 1, 0.2, 0.27, accent)
    lights(front, lamp_colors(dark)[1], (0.18, 0.08, 0.16), dark)
    front.panel(0.38, 0.62, 0.05, 0.1, WHITE_LIGHT)
    front.panel(-0.1, -0.03, 0.5, 0.82, DARK)
    front.panel(1.03, 1.1, 0.5, 0.82, DARK)
    tyres(front, -0.12)


def _bus_rear(rear: Face, accent: Color, dark: bool) -> None:
    rear.panel(0.08, 0.92, 0.56, 0.9, DARK)
    rear.panel(0.11, 0.89, 0.59, 0.87, (150, 140, 110) if dark else GLASS)
    rear.panel(0.36, 0.64, 0.9, 0.97, AMBER, glow=True)
    rear.panel(0.2, 0.8, 0.2, 0.46, METAL)
    for slat in (0.24, 0.3, 0.36, 0.42):
        rear.panel(0.2, 0.8, slat, slat + 0.025, DARK)
    rear.panel(0, 1, 0.48, 0.53, accent)
    red, _ = lamp_colors(dark)
    rear.panel(0.03, 0.12, 0.14, 0.46, red, glow=dark)
    rear.panel(0.88, 0.97, 0.14, 0.46, red, glow=dark)
    tyres(rear, -0.12)


def tram(dice: Dice, dark: bool) -> list[Block]:
    """Build long boxes in a row, low above the rails, with bellows and a pantograph."""
    paint, accent = dice.pick(LIVERIES)
    paint, accent = dice.vary(paint, 16), dice.vary(accent, 12)
    sections, piece, tall = dice.whole(2, 3), dice.between(6.5, 8.0), 3.35
    blocks: list[Block] = []
    for number in range(sections):
        start = number * (piece + 0.7)
        body = block(
            (start, start + piece), (-1.2, 1.2), (0.14, tall), paint, side_in=0.1,
            rear_in=0.75 if number == 0 else 0.0, front_in=0.75 if number == sections - 1 else 0.0,
        )  # fmt: skip
        for side in body.sides:
            _tram_side(side, accent, dark)
        blocks.append(body)
        if number:
            blocks.append(block((start - 0.7, start), (-1.05, 1.05), (0.3, tall - 0.15), DARK))
    for end in (blocks[0].rear, blocks[-1 if sections == 1 else -2].front):
        _tram_end(end, accent, dark, end is blocks[0].rear)
    middle = (piece + 0.7) * (sections // 2) + piece * 0.5
    blocks.append(block((middle - 1.3, middle + 1.3), (-0.7, 0.7), (tall, tall + 0.3), METAL))
    for low, high, a0, a1 in ((tall + 0.3, 4.0, 0.5, -0.5), (4.0, 4.65, -0.5, 0.3)):
        for c in (-0.4, 0.32):
            arm = block((middle + a0, middle + a0 + 0.12), (c, c + 0.08), (low, high), DARK)
            blocks.append(sheared(arm, a1 - a0))
    blocks.append(block((middle + 0.2, middle + 0.4), (-0.8, 0.8), (4.62, 4.74), DARK))
    return blocks


def _tram_side(side: Face, accent: Color, dark: bool) -> None:
    side.panel(0, 1, 0, 0.1, DARK)
    side.panel(0, 1, 0.1, 0.26, accent)
    side.panel(0.02, 0.98, 0.44, 0.86, GLASS if not dark else (238, 224, 178), glow=dark)
    for post in (0.02, 0.26, 0.5, 0.74, 0.97):
        side.panel(post, post + 0.012, 0.44, 0.86, DARK)
    side.panel(0.36, 0.5, 0.07, 0.86, DARK)
    side.panel(0.375, 0.425, 0.12, 0.83, GLASS if not dark else (238, 224, 178), glow=dark)
    side.panel(0.435, 0.485, 0.12, 0.83, GLASS if not dark else (238, 224, 178), glow=dark)
    side.panel(0, 1, 0.94, 1.0, dim(accent, 0.8))


def _tram_end(end: Face, accent: Color, dark: bool, rear: bool) -> None:
    end.panel(0, 1, 0, 0.1, DARK)
    end.panel(0.0, 1.0, 0.1, 0.24, accent)
    end.panel(0.07, 0.93, 0.36, 0.84, DARK)
    end.panel(0.1, 0.9, 0.39, 0.81, (126, 120, 100) if dark else GLASS)
    end.shape(((0.14, 0.45), (0.4, 0.79), (0.14, 0.79)), mix(GLASS, (190, 206, 222), 0.35))
    end.panel(0.24, 0.76, 0.87, 0.95, AMBER, glow=True)
    end.panel(0.34, 0.66, 0.02, 0.09, METAL)
    red, white = lamp_colors(dark)
    spots, size, color = ((0.12, 0.88), (0.05, 0.035), red)
    if not rear:
        spots, size, color = ((0.14, 0.86), (0.06, 0.04), white)
    for s in spots:
        end.disc(s, 0.28, size, color, dark)
