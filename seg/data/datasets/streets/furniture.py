"""Poles, street lamps, traffic lights and traffic signs."""

from seg.data.datasets.streets.canvas import Color
from seg.data.datasets.streets.scene_state import Board, Lamp, Point, Stage, dim, train_id

POLES: tuple[Color, ...] = (
    (112, 116, 118), (84, 88, 88), (60, 66, 62), (146, 148, 146), (96, 84, 70),
)  # fmt: skip
WHITE: Color = (232, 232, 228)
RED: Color = (190, 34, 36)
BLUE: Color = (32, 84, 164)
YELLOW: Color = (226, 186, 48)
BLACK: Color = (28, 28, 30)

# rim, plate, mark
_PLATES: dict[str, tuple[Color, Color, Color]] = {
    "ban": (RED, RED, WHITE),
    "limit": (RED, WHITE, BLACK),
    "warning": (RED, WHITE, BLACK),
    "yield": (RED, WHITE, WHITE),
    "stop": (WHITE, RED, WHITE),
    "order": (WHITE, BLUE, WHITE),
    "zebra": (WHITE, BLUE, WHITE),
    "priority": (WHITE, YELLOW, YELLOW),
    "parking": (WHITE, BLUE, WHITE),
    "back": ((120, 122, 122), (138, 140, 140), (120, 122, 122)),
}
_Shape = tuple[Point, ...]
_BAR: _Shape = ((-0.6, -0.14), (0.6, -0.14), (0.6, 0.14), (-0.6, 0.14))
_STEM: _Shape = ((-0.1, -0.45), (0.1, -0.45), (0.1, 0.35), (-0.1, 0.35))
_FIGURES: tuple[_Shape, _Shape] = (
    ((-0.34, -0.4), (-0.12, -0.4), (-0.12, 0.4), (-0.34, 0.4)),
    ((0.06, -0.1), (0.32, -0.1), (0.32, 0.4), (0.06, 0.4)),
)
_MARKS: dict[str, tuple[_Shape, ...]] = {
    "ban": (_BAR,),
    "stop": (_BAR,),
    "limit": _FIGURES,
    "parking": _FIGURES,
    "warning": (_STEM,),
    "order": (_STEM,),
    "zebra": (((-0.55, -0.5), (0.55, -0.5), (0.0, 0.55)),),
}


def post(board: Board, x: float, low: float, high: float, width: float) -> None:
    """Draw a round post with its lit and its shaded half."""
    stage = board.stage
    color = stage.dice.vary(stage.dice.pick(POLES), 12)
    label = train_id("pole")
    width = max(width, 1.6 / board.scale)
    left = stage.weather.brightness((-1.0, 0.0, 0.0))
    right = stage.weather.brightness((1.0, 0.0, 0.0))
    board.rect(board.part(dim(color, left), label), x - width / 2, x + width / 2, low, high)
    board.rect(board.part(dim(color, right), label), x, x + width / 2, low, high)


def street_lamp(stage: Stage, toward: int, across: float, ahead: float) -> None:
    """Draw a tall post with an arm over the road (`toward` = -1 or 1)."""
    board, dice = stage.board(across, ahead), stage.dice
    tall, reach = dice.between(5.0, 7.5), dice.between(0.8, 1.8) * toward
    post(board, 0.0, 0.0, tall, 0.2)
    post(board, 0.0, 0.0, 0.9, 0.3)
    arm = board.part(dice.vary(dice.pick(POLES), 10), train_id("pole"))
    board.limb(arm, (0.0, tall - 0.1), (reach, tall + 0.2), max(0.14, 1.8 / board.scale))
    night = stage.weather.dark
    head = board.part((255, 236, 180) if night else (170, 172, 170), train_id("pole"), glow=night)
    board.limb(head, (reach * 0.9, tall + 0.14), (reach * 0.9 + 0.6 * toward, tall + 0.2), 0.2)
    if night:
        column, row = board.pixel(reach, tall)
        stage.lamps.append(Lamp(column, row, 2.6 * board.scale, 150, ahead))
        stage.lamps.append(Lamp(column, board.pixel(0, 0)[1], 3.4 * board.scale, 110, ahead))


def bollard(stage: Stage, across: float, ahead: float) -> None:
    """Draw a low post with a red cap."""
    board = stage.board(across, ahead)
    post(board, 0.0, 0.0, 0.95, 0.13)
    cap = board.part((200, 60, 50), train_id("pole"))
    board.rect(cap, -0.075, 0.075, 0.74, 0.85)


def traffic_light(stage: Stage, across: float, ahead: float, reach: float) -> None:
    """Draw heads on a post, and one over the lane on an arm of `reach` metres where not 0."""
    board = stage.board(across, ahead)
    stage_state = stage.dice.whole(0, 2)
    high = stage.dice.between(2.5, 3.0)
    tall = 5.4 if reach else high + 0.2
    post(board, 0.0, 0.0, tall, 0.19)
    if reach:
        arm = board.part(stage.dice.pick(POLES), train_id("pole"))
        board.limb(arm, (0.0, tall - 0.1), (reach, tall), max(0.13, 1.8 / board.scale))
        _signal(stage, board, (reach * 0.92, tall - 0.75), stage_state)
    side = -0.02 if stage.dice.chance(0.5) else 0.28
    _signal(stage, board, (side, high), stage_state)


def _signal(stage: Stage, board: Board, at: Point, state: int) -> None:
    """Draw three lamps, the top one red; 1.2 m tall with its edge."""
    label = train_id("traffic light")
    x, y = at
    edge = stage.dice.chance(0.45)
    back = WHITE if edge and stage.dice.chance(0.5) else (30, 34, 32)
    board.rect(board.part(back, label), x - 0.29, x + 0.29, y - 0.68, y + 0.68)
    body = stage.dice.pick(((26, 30, 30), (44, 60, 50), (52, 52, 50)))
    board.rect(board.part(body, label), x - 0.25, x + 0.25, y - 0.63, y + 0.63)
    bright: tuple[Color, ...] = ((255, 62, 44), (255, 190, 50), (64, 240, 150))
    for place, color in enumerate(bright):
        lit = place == state
        lamp = board.part(color if lit else dim(color, 0.24), label, glow=lit)
        board.disc(lamp, x, y + 0.4 - 0.4 * place, 0.165)
        if lit and stage.weather.dark:
            column, row = board.pixel(x, y + 0.4 - 0.4 * place)
            stage.lamps.append(Lamp(column, row, 0.7 * board.scale, 90, board.ahead))


def traffic_sign(stage: Stage, across: float, ahead: float) -> None:
    """Draw one or two signs on a post."""
    board, dice = stage.board(across, ahead), stage.dice
    high = dice.between(2.2, 2.7)
    double = dice.chance(0.35)
    post(board, 0.0, 0.0, high + (1.3 if double else 0.45), 0.12)
    sign(stage, board, (0.0, high), dice.between(0.4, 0.48))
    if double:
        sign(stage, board, (0.0, high + 0.95), dice.between(0.38, 0.46))


def direction_sign(stage: Stage, across: float, ahead: float) -> None:
    """Draw a large board on two posts."""
    board, dice = stage.board(across, ahead), stage.dice
    low, half = dice.between(2.0, 2.5), dice.between(0.9, 1.3)
    for x in (-0.6 * half, 0.6 * half):
        post(board, x, 0.0, low + 1.2, 0.14)
    ground = dice.pick((BLUE, (36, 110, 74), YELLOW, WHITE))
    ink = BLACK if ground in (YELLOW, WHITE) else WHITE
    label = train_id("traffic sign")
    face, text = board.part(_lit(stage, ground), label), board.part(_lit(stage, ink), label)
    board.rect(text, -half, half, low, low + 1.15)
    board.rect(face, -half + 0.06, half - 0.06, low + 0.06, low + 1.09)
    for line in range(2):
        y = low + 0.28 + line * 0.45
        board.rect(text, -half * 0.75, half * dice.between(-0.1, 0.4), y, y + 0.16)
        board.limb(text, (half * 0.6, y), (half * 0.6, y + 0.26), 0.1)


def sign(stage: Stage, board: Board, at: Point, size: float) -> None:
    """Draw a round, triangular, square, diamond or eight-sided plate, or its grey back."""
    dice, label = stage.dice, train_id("traffic sign")
    kind = dice.pick(tuple(_PLATES))
    outer, inner = _outlines(kind, at, size)
    rim, plate, ink = (board.part(_lit(stage, color), label) for color in _PLATES[kind])
    board.poly(rim, outer)
    board.poly(plate, inner)
    for shape in _MARKS.get(kind, ()):
        board.poly(ink, [(at[0] + x * size, at[1] + y * size) for x, y in shape])


def _outlines(kind: str, at: Point, size: float) -> tuple[list[Point], list[Point]]:
    x, y = at
    shapes: dict[str, tuple[Point, ...]] = {
        "warning": ((-1.1, -0.8), (1.1, -0.8), (0.0, 1.1)),
        "yield": ((-1.1, 0.8), (0.0, -1.1), (1.1, 0.8)),
        "stop": ((-1, -0.41), (-0.41, -1), (0.41, -1), (1, -0.41), (1, 0.41), (0.41, 1), (-0.41, 1),
                 (-1, 0.41)),
        "priority": ((-1.1, 0), (0, -1.1), (1.1, 0), (0, 1.1)),
        "zebra": ((-0.95, -0.95), (0.95, -0.95), (0.95, 0.95), (-0.95, 0.95)),
        "parking": ((-0.9, -1.0), (0.9, -1.0), (0.9, 1.0), (-0.9, 1.0)),
    }  # fmt: skip
    shape = shapes.get(kind) or tuple(Board.round(0.0, 0.0, 1.0))
    inner = 0.66 if kind in ("limit", "warning", "yield") else 0.86
    drop = -0.08 if kind == "warning" else 0.08 if kind == "yield" else 0.0
    return (
        [(x + a * size, y + b * size) for a, b in shape],
        [(x + a * size * inner, y + (b + drop) * size * inner) for a, b in shape],
    )


def _lit(stage: Stage, color: Color) -> Color:
    return stage.lit(color, (0.0, 0.2, -1.0))
