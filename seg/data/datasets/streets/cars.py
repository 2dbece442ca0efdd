"""Cars and trucks."""

from seg.data.datasets.streets.canvas import Color
from seg.data.datasets.streets.mesh import Block, Face, block
from seg.data.datasets.streets.rng import Dice
from seg.data.datasets.streets.scene_state import Point, dim, mix
from seg.data.datasets.streets.texture import Texture

GLASS: Color = (44, 54, 64)
RUBBER: Color = (26, 26, 28)
RIM: Color = (148, 150, 154)
METAL: Color = (92, 94, 98)
DARK: Color = (38, 39, 42)
RED_LIGHT: Color = (186, 26, 22)
WHITE_LIGHT: Color = (232, 232, 220)
PLATE: Color = (226, 226, 216)
PAINTS: tuple[Color, ...] = (
    (226, 228, 230), (178, 182, 186), (112, 116, 122), (52, 54, 58), (30, 31, 36), (150, 34, 34),
    (40, 66, 122), (72, 112, 158), (44, 84, 62), (196, 172, 128), (214, 186, 64), (120, 74, 54),
)  # fmt: skip


def wheels(side: Face, spots: list[float], radius: float, size: Point, center: float) -> None:
    """Draw tyres at shares `spots` of a side of `size` metres, `center` above its lower edge."""
    length, tall = size
    for spot in spots:
        side.disc(spot, center / tall, (radius * 1.22 / length, radius * 1.22 / tall), DARK)
        side.disc(spot, center / tall, (radius / length, radius / tall), RUBBER)
        side.disc(spot, center / tall, (radius * 0.58 / length, radius * 0.58 / tall), RIM)
        side.disc(spot, center / tall, (radius * 0.2 / length, radius * 0.2 / tall), METAL)


def tyres(end: Face, low: float) -> None:
    """Draw tyres below a front or rear; `low` is the share by which they reach under it."""
    for left in (0.03, 0.83):
        end.panel(left, left + 0.14, low, 0.02, RUBBER)


def lamp_colors(dark: bool) -> tuple[Color, Color]:
    """Return the colors of rear lights and headlights, which are lit in the dark."""
    return ((250, 60, 40), (255, 250, 225)) if dark else (RED_LIGHT, WHITE_LIGHT)


def lights(end: Face, color: Color, box: tuple[float, float, float], glow: bool) -> None:
    """Draw a pair of lamps: width, lower and upper edge in shares."""
    wide, low, high = box
    end.panel(0.02, wide, low, high, color, glow=glow)
    end.panel(1 - wide, 0.98, low, high, color, glow=glow)


def car(dice: Dice, dark: bool) -> list[Block]:
    """Build a saloon, hatchback, estate or small van."""
    paint = dice.vary(dice.pick(PAINTS), 14)
    kind = dice.weighted((("saloon", 3), ("hatch", 4), ("suv", 3), ("van", 1)))
    length = {"saloon": 4.5, "hatch": 3.9, "suv": 4.5, "van": 4.9}[kind] * dice.between(0.95, 1.06)
    tall = {"saloon": 1.42, "hatch": 1.5, "suv": 1.68, "van": 1.98}[kind] * dice.between(0.97, 1.04)
    half = dice.between(0.86, 0.95)
    belt = tall * 0.62
    body = block(
        (0, length), (-half, half), (0.26, belt), paint, rear_in=0.06, front_in=0.1, side_in=0.03
    )
    back = {"saloon": 0.17, "hatch": 0.03, "suv": 0.03, "van": 0.01}[kind] * length
    nose = {"saloon": 0.3, "hatch": 0.26, "suv": 0.27, "van": 0.17}[kind] * length
    slope = {"saloon": 0.5, "hatch": 0.32, "suv": 0.22, "van": 0.06}[kind]
    cabin = block(
        (back, length - nose), (-half + 0.04, half - 0.04), (belt, tall), paint,
        rear_in=slope, front_in=0.75 if kind != "van" else 0.5, side_in=0.17,
    )  # fmt: skip
    _trim(dice, body, (length, belt - 0.26), dark)
    _glaze(dice, cabin, kind)
    return [body, cabin]


def _trim(dice: Dice, body: Block, size: Point, dark: bool) -> None:
    paint = body.rear.color
    for side in body.sides:
        side.panel(0, 1, 0, 0.16, dim(paint, 0.5))
        side.panel(0.02, 0.98, 0.9, 0.97, mix(paint, (255, 255, 255), 0.22))
        for door in (0.36, 0.58):
            side.panel(door, door + 0.006, 0.15, 0.95, dim(paint, 0.6))
        wheels(side, [0.17, 0.81], 0.32, size, 0.06)
    rear, front = body.ends
    for end in (rear, front):
        tyres(end, -0.38)
        end.panel(0, 1, 0, 0.3, mix(paint, DARK, 0.55))
    wide, low = dice.between(0.16, 0.26), dice.between(0.46, 0.58)
    red, white = lamp_colors(dark)
    lights(rear, red, (wide, low, low + 0.3), dark)
    rear.panel(0.36, 0.64, 0.34, 0.5, PLATE)
    lights(front, white, (wide, 0.56, 0.8), dark)
    front.panel(0.28, 0.72, 0.42, 0.74, DARK)
    front.panel(0.38, 0.62, 0.16, 0.3, PLATE)


def _glaze(dice: Dice, cabin: Block, kind: str) -> None:
    glass = dice.vary(GLASS, 14)
    shine = mix(glass, (190, 206, 222), 0.4)
    for end in cabin.ends:
        end.panel(0.07, 0.93, 0.1, 0.88, glass)
        end.shape(((0.12, 0.3), (0.42, 0.84), (0.12, 0.84)), shine)
    last = 0.42 if kind == "van" else 0.95
    left, right = cabin.sides
    for side, flipped in ((left, False), (right, True)):
        for s0, s1 in ((0.07, 0.45), (0.5, last)):
            if s1 > s0:
                low, high = (1 - s1, 1 - s0) if flipped else (s0, s1)
                side.panel(low, high, 0.08, 0.84, glass)


def truck(dice: Dice, dark: bool) -> list[Block]:
    """Build a cab before a cargo box, a tarpaulin, a tank or a tipper."""
    paint = dice.vary(dice.pick(PAINTS), 14)
    cargo = dice.between(4.8, 7.5)
    tall = dice.between(2.9, 3.7)
    kind = dice.weighted((("box", 4), ("tarp", 3), ("tipper", 2)))
    load = dice.vary(dice.pick(((220, 220, 216), *PAINTS[5:], (236, 232, 220))), 14)
    top = tall if kind != "tipper" else dice.between(2.0, 2.5)
    texture = Texture.PLASTER if kind == "box" else Texture.CONCRETE
    chassis = block((0.2, cargo + 2.3), (-0.95, 0.95), (0.5, 1.0), DARK)
    box = block((0, cargo), (-1.24, 1.24), (1.0, top), load, texture=texture)
    cab = block(
        (cargo + 0.5, cargo + 2.5), (-1.18, 1.18), (0.5, dice.between(2.4, 2.95)), paint,
        front_in=0.18, side_in=0.04,
    )  # fmt: skip
    for side in chassis.sides:
        wheels(side, [0.14, 0.27, 0.87], 0.5, (cargo + 2.1, 0.5), 0.02)
        side.panel(0.4, 0.68, 0.05, 0.8, METAL)
    _load(dice, box, kind)
    _rear(box.rear, kind, dark)
    _cab(cab, dark)
    tyres(chassis.rear, -0.95)
    return [chassis, box, cab]


def _load(dice: Dice, box: Block, kind: str) -> None:
    load = box.rear.color
    ribs = 9 if kind == "tarp" else 6
    accent = dice.vary(dice.pick(PAINTS[5:]), 20)
    for side in box.sides:
        if kind == "box":
            side.panel(0, 1, 0.12, 0.3, accent)
            side.panel(0.2, 0.8, 0.45, 0.75, mix(load, accent, 0.75))
        else:
            for rib in range(1, ribs):
                side.panel(rib / ribs, rib / ribs + 0.02, 0.02, 0.98, dim(load, 0.72))
        side.panel(0, 1, 0, 0.05, dim(load, 0.5))
        side.panel(0, 1, 0.96, 1, dim(load, 0.75))


def _rear(rear: Face, kind: str, dark: bool) -> None:
    load = rear.color
    rear.panel(0, 1, -0.2, 0.0, DARK)
    for s in (0.0, 0.49, 0.97):
        rear.panel(s, s + 0.03, 0, 1, dim(load, 0.62))
    if kind != "tipper":
        for s in (0.2, 0.36, 0.62, 0.78):
            rear.panel(s, s + 0.015, 0.06, 0.94, dim(load, 0.72))
        rear.panel(0.05, 0.95, 0.94, 0.98, dim(load, 0.7))
    for stripe in range(6):
        color = (206, 44, 36) if stripe % 2 else (232, 230, 220)
        rear.panel(0.06 + stripe * 0.147, 0.06 + (stripe + 1) * 0.147, -0.14, -0.08, color)
    lights(rear, lamp_colors(dark)[0], (0.14, -0.07, -0.02), dark)


def _cab(cab: Block, dark: bool) -> None:
    paint = cab.rear.color
    front = cab.front
    front.panel(0.06, 0.94, 0.52, 0.88, GLASS)
    front.shape(((0.1, 0.56), (0.45, 0.85), (0.1, 0.85)), mix(GLASS, (190, 206, 222), 0.4))
    front.panel(0.2, 0.8, 0.2, 0.46, DARK)
    for bar in (0.26, 0.33, 0.4):
        front.panel(0.2, 0.8, bar, bar + 0.02, METAL)
    front.panel(0, 1, 0, 0.16, dim(paint, 0.45))
    lights(front, lamp_colors(dark)[1], (0.2, 0.06, 0.16), dark)
    tyres(front, -0.24)
    front.panel(-0.09, -0.02, 0.5, 0.8, DARK)
    front.panel(1.02, 1.09, 0.5, 0.8, DARK)
    for side in cab.sides:
        side.panel(0.18, 0.78, 0.54, 0.86, GLASS)
        side.panel(0.12, 0.13, 0.1, 0.95, dim(paint, 0.6))
        side.panel(0, 1, 0, 0.12, dim(paint, 0.5))
