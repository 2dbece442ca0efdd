"""Bicycles and motorcycles, parked or ridden."""

from seg.data.datasets.streets.canvas import Color
from seg.data.datasets.streets.cars import DARK, METAL, RED_LIGHT, RUBBER, WHITE_LIGHT, lamp_colors
from seg.data.datasets.streets.people import Figure, Outfit
from seg.data.datasets.streets.scene_state import Board, Point, Stage, dim, train_id

FRAMES: tuple[Color, ...] = (
    (34, 36, 40), (170, 36, 36), (40, 80, 150), (60, 120, 84), (210, 210, 206), (206, 130, 40),
    (110, 60, 110),
)  # fmt: skip
HELMETS: tuple[Color, ...] = (
    (220, 220, 220), (40, 42, 46), (180, 40, 36), (220, 180, 40), (40, 90, 160),
)  # fmt: skip

_Panel = tuple[str, tuple[Point, ...]]
# convex panels of a motorcycle that heads to the right; metres
_SCOOTER: tuple[_Panel, ...] = (
    ("paint", ((-0.95, 0.42), (-0.3, 0.3), (0, 0.28), (-0.06, 0.5), (-0.12, 0.78), (-0.86, 0.82))),
    ("paint", ((-0.3, 0.3), (0.36, 0.26), (0.3, 0.44), (-0.2, 0.46))),
    ("paint", ((0.24, 0.42), (0.36, 0.26), (0.5, 1.0), (0.38, 1.0))),
    ("low", ((-0.95, 0.42), (-0.3, 0.3), (-0.2, 0.46), (-0.88, 0.58))),
)
_ENGINE: tuple[_Panel, ...] = (
    ("dark", ((-0.4, 0.26), (0.34, 0.22), (0.36, 0.62), (-0.36, 0.62))),
    ("steel", ((-0.14, 0.32), (0.2, 0.3), (0.22, 0.54), (-0.12, 0.56))),
    ("paint", ((-0.2, 0.66), (0.3, 0.58), (0.48, 0.9), (0.2, 1.0), (-0.16, 0.86))),
    ("low", ((-1.0, 0.84), (-0.4, 0.6), (-0.2, 0.66), (-0.24, 0.8), (-0.9, 0.94))),
    ("steel", ((-0.82, 0.29), (-0.02, 0.21), (0.02, 0.31), (-0.78, 0.39))),
)


def bicycle(stage: Stage, across: float, ahead: float, *, ridden: bool, turn: float) -> None:
    """Draw a bicycle; `turn` is 1 for a side view and 0 for a view along it."""
    if turn:
        _bicycle_side(stage, stage.board(across, ahead, turn=turn), stage.dice.sign(), ridden)
    else:
        _bicycle_end(stage, stage.board(across, ahead), ridden)


def motorcycle(stage: Stage, across: float, ahead: float, *, ridden: bool, turn: float) -> None:
    """Draw a motorcycle; `turn` is 1 for a side view and 0 for a view along it."""
    if turn:
        _motorcycle_side(stage, stage.board(across, ahead, turn=turn), stage.dice.sign(), ridden)
    else:
        _motorcycle_end(stage, stage.board(across, ahead), ridden)


def _rider(stage: Stage, board: Board, helmeted: bool) -> tuple[Figure, Color | None]:
    tall = stage.dice.between(1.66, 1.9)
    figure = Figure(board, Outfit(stage.dice), train_id("rider"), tall)
    helmet = stage.dice.vary(stage.dice.pick(HELMETS), 16)
    return figure, helmet if helmeted or stage.dice.chance(0.5) else None


def _bicycle_side(stage: Stage, board: Board, way: int, ridden: bool) -> None:
    label = train_id("bicycle")
    color = stage.dice.vary(stage.dice.pick(FRAMES), 12)
    frame, tyre, steel = (board.part(c, label) for c in (color, RUBBER, METAL))
    for x in (-0.54, 0.54):
        rim = board.outline(Board.round(x, 0.35, 0.34))
        stage.canvas.relabel(label, rim)
        for spoke in ((0, 8), (4, 12)):
            stage.canvas.line(steel, rim[list(spoke)])
        board.ring(tyre, x, 0.35, 0.33, max(0.06, 1.7 / board.scale))
    hip, bars, pedal = (-0.2 * way, 0.92), (0.42 * way, 0.98), (-0.06 * way, 0.3)
    rear, front = (-0.54 * way, 0.35), (0.54 * way, 0.35)
    thick = max(0.055, 1.6 / board.scale)
    low, high = (0.38 * way, 0.8), (0.38 * way, 0.82)  # on the head tube
    tubes = ((rear, pedal), (rear, hip), (hip, pedal), (pedal, low), (hip, high), (front, bars))
    for start, end in tubes:
        board.limb(frame, start, end, thick)
    board.limb(tyre, (hip[0] - 0.14, 0.94), (hip[0] + 0.14, 0.94), 0.07)
    board.limb(tyre, bars, (bars[0] - 0.12 * way, 1.04), 0.06)
    if stage.dice.chance(0.35):
        basket = board.part(stage.dice.vary((96, 76, 52), 16), label)
        x = bars[0] + 0.2 * way
        board.rect(basket, x - 0.16, x + 0.16, 0.78, 1.04)
    if ridden:
        figure, helmet = _rider(stage, board, False)
        seat, hand = (hip[0], 1.0), (bars[0] - 0.1 * way, 1.05)
        _ride_side(figure, seat, hand, pedal, way=way, helmet=helmet)


def _ride_side(
    figure: Figure, hip: Point, hand: Point, foot: Point, *, way: int, helmet: Color | None
) -> None:
    """Draw a rider seen from the side: hip to shoulder, shoulder to bars, hip to foot."""
    shoulder = (hip[0] + 0.26 * way, hip[1] + 0.52)
    for down, out in ((0.02, 0.1), (-0.16, 0.26)):
        knee = (hip[0] + (0.36 + out * 0.3) * way, hip[1] - 0.28)
        cloth = figure.paint(figure.outfit.trousers, 1.0 if down > 0 else 0.78)
        sole = (foot[0] + out * way * 0.5, foot[1] - down)
        figure.board.limb(cloth, hip, knee, 0.19, 0.16)
        figure.board.limb(cloth, knee, sole, 0.15, 0.11)
        heel, toe = (sole[0] - 0.06 * way, sole[1]), (sole[0] + 0.18 * way, sole[1])
        figure.board.limb(figure.paint(figure.outfit.shoes), heel, toe, 0.09)
    figure.torso((hip[0], hip[1] - 0.04), (shoulder[0], shoulder[1] + 0.04), 0.2, 0.9)
    figure.arm((shoulder[0], shoulder[1] - 0.05), hand)
    figure.head((shoulder[0] + 0.1 * way, shoulder[1] + 0.2), 0.125, way, helmet)


def _bicycle_end(stage: Stage, board: Board, ridden: bool) -> None:
    label = train_id("bicycle")
    color = stage.dice.vary(stage.dice.pick(FRAMES), 12)
    frame, tyre = board.part(color, label), board.part(RUBBER, label)
    wide = max(0.05, 1.2 / board.scale)
    board.rect(tyre, -wide, wide, 0.0, 0.68)
    board.rect(frame, -wide * 0.7, wide * 0.7, 0.62, 0.95)
    board.limb(tyre, (-0.3, 1.03), (0.3, 1.03), max(0.06, 1.6 / board.scale))
    board.limb(frame, (-0.16, 0.3), (0.16, 0.3), max(0.06, 1.5 / board.scale))
    board.rect(frame, -0.11, 0.11, 0.66, 0.74)
    if ridden:
        figure, helmet = _rider(stage, board, False)
        _ride_end(figure, 0.98, 0.34, 0.3, helmet)
    else:
        board.rect(tyre, -0.1, 0.1, 0.92, 1.0)
    if ridden and stage.dice.chance(0.5):
        board.rect(board.part(RED_LIGHT, label, glow=stage.weather.dark), -0.05, 0.05, 0.74, 0.84)


def _ride_end(figure: Figure, hip: float, foot: float, grip: float, helmet: Color | None) -> None:
    """Draw a rider seen from behind or in front."""
    for side in (-1, 1):
        cloth = figure.paint(figure.outfit.trousers, 0.9 + 0.1 * side)
        knee = (side * 0.21, hip - 0.28)
        figure.board.limb(cloth, (side * 0.09, hip), knee, 0.19, 0.16)
        figure.board.limb(cloth, knee, (side * 0.15, foot + 0.12 * side), 0.15, 0.11)
        figure.arm((side * 0.22, hip + 0.46), (side * (grip + 0.02), hip + 0.08))
    figure.torso((0.0, hip - 0.06), (0.0, hip + 0.58), 0.25, 0.78)
    figure.head((0.0, hip + 0.72), 0.125, 0, helmet)


def _motorcycle_side(stage: Stage, board: Board, way: int, ridden: bool) -> None:
    label = train_id("motorcycle")
    dark, steel, tyre = (board.part(color, label) for color in (DARK, METAL, RUBBER))
    scooter = stage.dice.chance(0.4)
    radius = 0.24 if scooter else 0.32
    for x in (-0.68, 0.68):
        board.disc(tyre, x, radius, radius)
        board.disc(steel, x, radius, radius * 0.5)
        board.disc(dark, x, radius, radius * 0.2)
    board.limb(steel, (0.66 * way, radius), (0.42 * way, 1.0), 0.09)
    color = stage.dice.vary(stage.dice.pick(FRAMES), 16)
    tones = {"paint": color, "low": dim(color, 0.62), "dark": DARK, "steel": METAL}
    for tone, shape in _SCOOTER if scooter else _ENGINE:
        board.poly(board.part(tones[tone], label), [(x * way, y) for x, y in shape])
    board.limb(dark, (-0.86 * way, 0.88), (-0.14 * way, 0.84), 0.13)
    board.limb(dark, (0.34 * way, 1.1), (0.46 * way, 1.0), 0.08)
    night = stage.weather.dark
    board.disc(board.part(WHITE_LIGHT, label, glow=night), 0.54 * way, 0.9, 0.1)
    board.disc(board.part(RED_LIGHT, label, glow=night), -0.94 * way, 0.8, 0.06)
    if ridden:
        figure, helmet = _rider(stage, board, True)
        hip, hand, foot = (-0.3 * way, 0.98), (0.36 * way, 1.06), (-0.06 * way, 0.34)
        _ride_side(figure, hip, hand, foot, way=way, helmet=helmet)


def _motorcycle_end(stage: Stage, board: Board, ridden: bool) -> None:
    dice, label = stage.dice, train_id("motorcycle")
    color = dice.vary(dice.pick(FRAMES), 16)
    front, night = dice.chance(0.4), stage.weather.dark
    red, white = lamp_colors(night)
    board.rect(board.part(RUBBER, label), -0.1, 0.1, 0.0, 0.6)
    board.rect(board.part(METAL, label), -0.28, -0.15, 0.24, 0.42)
    board.rect(board.part(METAL, label), 0.15, 0.28, 0.3, 0.4)
    paint, dark = board.part(color, label), board.part(DARK, label)
    body = ((-0.16, 0.46), (0.16, 0.46), (0.27, 0.8), (0.2, 0.98), (-0.2, 0.98), (-0.27, 0.8))
    board.poly(paint, body)
    board.limb(dark, (-0.42, 1.06), (0.42, 1.06), 0.07)
    for side in (-1, 1):
        board.limb(dark, (side * 0.3, 1.06), (side * 0.42, 1.2), 0.04)
        board.disc(dark, side * 0.42, 1.22, 0.075)
    if ridden:
        figure, helmet = _rider(stage, board, True)
        _ride_end(figure, 0.98, 0.34, 0.36, helmet)
    if front:
        board.poly(dark, ((-0.2, 0.96), (0.2, 0.96), (0.12, 1.24), (-0.12, 1.24)))
        board.disc(board.part(white, label, glow=night), 0.0, 0.84, 0.12)
    else:
        board.rect(board.part(red, label, glow=night), -0.13, 0.13, 0.82, 0.92)
        board.rect(board.part((222, 222, 212), label), -0.1, 0.1, 0.56, 0.7)
