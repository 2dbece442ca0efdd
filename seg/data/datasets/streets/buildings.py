"""Houses: walls with windows, doors, shops and roofs in several styles."""

from dataclasses import dataclass, replace

import numpy as np

from seg.data.datasets.streets.camera import Floats
from seg.data.datasets.streets.canvas import Color
from seg.data.datasets.streets.rng import Dice
from seg.data.datasets.streets.scene_state import Stage, dim, mix, train_id
from seg.data.datasets.streets.texture import Texture

PLASTERS: tuple[Color, ...] = (
    (206, 194, 170), (188, 176, 160), (214, 208, 196), (196, 164, 120), (178, 186, 186),
    (204, 176, 150), (168, 160, 148), (150, 158, 168), (220, 200, 150), (182, 140, 116),
)  # fmt: skip
BRICKS: tuple[Color, ...] = ((146, 88, 68), (164, 108, 82), (120, 78, 66), (178, 150, 118))
STONES: tuple[Color, ...] = ((150, 150, 148), (172, 166, 156), (128, 132, 136), (190, 186, 178))
ROOFS: tuple[Color, ...] = ((140, 74, 56), (96, 92, 94), (118, 86, 68), (72, 74, 80))
TRIMS: tuple[Color, ...] = ((232, 228, 218), (200, 196, 188), (92, 84, 76), (66, 70, 74))
GLASS: Color = (66, 76, 88)
AWNINGS: tuple[Color, ...] = (
    (168, 48, 44), (40, 92, 80), (212, 196, 150), (48, 68, 120), (90, 90, 92),
)  # fmt: skip

_ROUND_S, _ROUND_UP = np.array([0, 1, 1, 0]), np.array([2, 2, 3, 3])


@dataclass(frozen=True)
class Style:
    """The look of a house; metres."""

    kind: str
    color: Color
    texture: Texture
    trim: Color
    roof: Color
    tall: float
    pitched: bool
    storey: float
    pitch: float
    pane: tuple[float, float]
    shop: bool
    lit: float


def draw_style(dice: Dice, dark: bool, *, low: bool = False) -> Style:
    """Draw a random style of a house."""
    kind = dice.weighted((("plaster", 4), ("brick", 3), ("stone", 2), ("office", 2), ("glass", 1)))
    palette = {"plaster": PLASTERS, "brick": BRICKS}.get(kind, STONES)
    texture = {"plaster": Texture.PLASTER, "brick": Texture.BRICK}.get(kind, Texture.CONCRETE)
    storey = dice.between(2.9, 3.5)
    floors = dice.whole(2, 3) if low else dice.whole(3, 6)
    pane = (dice.between(0.9, 1.3), dice.between(1.4, 1.9))
    pitch = pane[0] + dice.between(0.9, 1.8)
    if kind in ("office", "glass"):
        pitch = dice.between(1.6, 2.4)
        post, band = (0.5, 1.2) if kind == "office" else (0.18, 0.3)
        pane = (pitch - post, storey - band)
    return Style(
        kind=kind,
        color=dice.vary(dice.pick(palette), 16),
        texture=texture,
        trim=dice.vary(dice.pick(TRIMS), 10),
        roof=dice.vary(dice.pick(ROOFS), 12),
        tall=floors * storey + 0.8,
        pitched=kind in ("plaster", "brick") and dice.chance(0.6 if low else 0.4),
        storey=storey,
        pitch=pitch,
        pane=pane,
        shop=dice.chance(0.15 if low else 0.5),
        lit=dice.between(0.25, 0.6) if dark else 0.0,
    )


@dataclass(frozen=True)
class Facade:
    """A wall: `s` metres from `start` (across, ahead) in the direction `way`."""

    start: tuple[float, float]
    way: tuple[float, float]
    length: float
    normal: tuple[float, float, float]
    ahead: float

    def rects(self, spans: list[tuple[float, float, float, float]]) -> Floats:
        """Return the corners of rectangles (s0, s1, low, high), N x 4 x 3."""
        table = np.array(spans, np.float64).reshape(-1, 4)
        quads = np.empty((len(table), 4, 3), np.float64)
        s = table[:, _ROUND_S]
        quads[..., 0] = self.start[0] + s * self.way[0]
        quads[..., 1] = table[:, _ROUND_UP]
        quads[..., 2] = self.start[1] + s * self.way[1]
        return quads


def house(stage: Stage, across: float, near: float, far: float, style: Style) -> None:
    """Draw a house beside the road, its front at `across`, from `near` to `far`."""
    out = 1.0 if across > 0 else -1.0
    deep = 10.0
    end = Facade((across, near), (out, 0.0), deep, (0.0, 0.0, -1.0), near)
    front = Facade((across, near), (0.0, 1.0), far - near, (-out, 0.0, 0.0), near)
    top = style.tall + 3.4
    if style.pitched:
        color = stage.lit(style.roof, (-out * 0.6, 0.6, 0.0))
        middle = (near + far) / 2
        roof = stage.canvas.part(color, train_id("building"), middle, texture=Texture.BRICK)
        low, ridge, eaves = across - out * 0.4, across + out * 5.0, style.tall - 0.1
        slope = ((low, eaves, near), (ridge, top, near), (ridge, top, far), (low, eaves, far))
        stage.polygon(roof, slope)
    facade(stage, end, replace(style, shop=False), plain=stage.dice.chance(0.45))
    facade(stage, front, style)
    if style.pitched:
        color = stage.lit(style.color, end.normal)
        gable = stage.canvas.part(color, train_id("building"), near, texture=style.texture)
        back, peak = across + out * deep, (across + out * deep / 2, top, near)
        stage.polygon(gable, ((across, style.tall, near), peak, (back, style.tall, near)))


def facade(stage: Stage, wall: Facade, style: Style, *, plain: bool = False) -> None:
    """Draw the front of a house: windows, a door or a shop, balconies."""
    label = train_id("building")
    color = stage.lit(style.color, wall.normal)
    start = 0.0
    while start < wall.length - 0.01:  # pieces, so that fog follows the distance
        end = start + 4.0 + 0.3 * (wall.ahead + start) if wall.way[1] else wall.length
        end = min(wall.length, end)
        ahead = wall.ahead + start * wall.way[1]
        part = stage.canvas.part(color, label, ahead, texture=style.texture)
        stage.quads(part, wall.rects([(start, end, 0.0, style.tall)]))
        start = end
    trim = stage.canvas.part(stage.lit(style.trim, wall.normal), label, wall.ahead)
    if not style.pitched:
        stage.quads(trim, wall.rects([(0.0, wall.length, style.tall - 0.35, style.tall)]))
    if style.kind in ("stone", "plaster"):
        ledge = (0.0, wall.length, style.storey - 0.05, style.storey + 0.15)
        stage.quads(trim, wall.rects([ledge]))
    base = stage.canvas.part(dim(color, 0.72), label, wall.ahead, texture=style.texture)
    stage.quads(base, wall.rects([(0.0, wall.length, 0.0, 0.6)]))
    if plain:
        return
    _windows(stage, wall, style, trim)
    if style.shop:
        _shop(stage, wall, style)
    else:
        _door(stage, wall, style, trim)


def _windows(stage: Stage, wall: Facade, style: Style, trim: int) -> None:
    dice, label = stage.dice, train_id("building")
    columns = max(1, int((wall.length - 0.6) / style.pitch))
    margin = (wall.length - columns * style.pitch + style.pitch - style.pane[0]) / 2
    floors = int((style.tall - 0.5) / style.storey)
    wide, high = style.pane
    sill = 0.95 if style.kind not in ("office", "glass") else 0.15 if style.kind == "glass" else 0.8
    lefts = [margin + c * style.pitch for c in range(columns)]
    lows = [f * style.storey + sill for f in range(1 if style.shop else 0, floors)]
    spans = [(left, left + wide, low, low + high) for low in lows for left in lefts]
    if not spans:
        return
    rects = wall.rects(spans)
    near_enough = wall.ahead < 45
    if near_enough and style.kind in ("plaster", "stone", "brick"):
        frame = [(a - 0.12, b + 0.12, low - 0.14, up + 0.12) for a, b, low, up in spans]
        stage.quads(trim, wall.rects(frame))
    glass = stage.lit(mix(GLASS, stage.weather.haze, dice.between(0.05, 0.3)), wall.normal)
    dim_part = stage.canvas.part(glass, label, wall.ahead)
    stage.quads(dim_part, rects)
    picks = np.array([dice.unit() for _ in spans])
    if style.lit:
        lamp = stage.canvas.part(dice.vary((246, 208, 128), 20), label, wall.ahead, glow=True)
        stage.quads(lamp, rects[picks < style.lit])
    elif near_enough:
        shine = stage.canvas.part(mix(glass, stage.weather.haze, 0.5), label, wall.ahead)
        stage.quads(shine, rects[picks < 0.3])
        curtain = stage.canvas.part(mix(glass, (220, 214, 200), 0.5), label, wall.ahead)
        tops = [(a + 0.06, b - 0.06, (low + up) / 2, up - 0.05) for a, b, low, up in spans]
        stage.quads(curtain, wall.rects(tops)[picks > 0.72])
    if wall.ahead < 30 and style.kind in ("plaster", "stone", "brick"):
        bars = [((a + b) / 2 - 0.05, (a + b) / 2 + 0.05, low, up) for a, b, low, up in spans]
        stage.quads(trim, wall.rects(bars))


def _shop(stage: Stage, wall: Facade, style: Style) -> None:
    """Draw display windows, a sign band and an awning on the ground floor."""
    dice, label = stage.dice, train_id("building")
    dark = stage.weather.dark
    front = stage.canvas.part(stage.lit((58, 58, 60), wall.normal), label, wall.ahead)
    stage.quads(front, wall.rects([(0.3, wall.length - 0.3, 0.0, style.storey - 0.2)]))
    inside = dice.vary((238, 214, 160) if dark else (104, 108, 106), 18)
    pane = stage.canvas.part(inside, label, wall.ahead, glow=dark, texture=Texture.CONCRETE)
    count = max(1, int(wall.length / 2.8))
    step = (wall.length - 0.8) / count
    panes = [
        (0.5 + k * step, 0.4 + (k + 1) * step - 0.15, 0.5 if k % 2 else 0.05, 2.3)
        for k in range(count)
    ]
    stage.quads(pane, wall.rects(panes))
    accent = stage.lit(dice.vary(dice.pick(AWNINGS), 16), wall.normal)
    band = stage.canvas.part(accent, label, wall.ahead, glow=dark and dice.chance(0.5))
    stage.quads(band, wall.rects([(0.3, wall.length - 0.3, 2.45, style.storey - 0.15)]))
    text = stage.canvas.part(stage.lit((230, 226, 214), wall.normal), label, wall.ahead)
    starts = [wall.length * 0.3 + k * 0.5 for k in range(5)]
    stage.quads(text, wall.rects([(s, s + 0.3, 2.55, 2.85) for s in starts]))
    if dice.chance(0.45):
        _awning(stage, wall, style.storey, dim(accent, 1.15))


def _awning(stage: Stage, wall: Facade, storey: float, color: Color) -> None:
    high, low, out, back = storey - 0.2, storey - 0.9, wall.normal[0] * 1.1, wall.normal[2] * 1.1
    x0, z0 = wall.start
    x1, z1 = x0 + wall.way[0] * wall.length, z0 + wall.way[1] * wall.length
    part = stage.canvas.part(color, train_id("building"), wall.ahead)
    front = ((x1 + out, low, z1 + back), (x0 + out, low, z0 + back))
    stage.polygon(part, ((x0, high, z0), (x1, high, z1), *front))


def _door(stage: Stage, wall: Facade, style: Style, trim: int) -> None:
    dice = stage.dice
    s = dice.between(0.2, 0.75) * wall.length
    stage.quads(trim, wall.rects([(s - 0.75, s + 0.75, 0.0, 2.6)]))
    color = stage.lit(
        dice.vary(dice.pick(((86, 58, 40), (50, 62, 70), (110, 40, 38), (60, 84, 66))), 12),
        wall.normal,
    )
    door = stage.canvas.part(color, train_id("building"), wall.ahead)
    stage.quads(door, wall.rects([(s - 0.6, s + 0.6, 0.0, 2.45)]))
