"""Road, marks, rails, sidewalks, verges and crossings."""

from seg.data.datasets.streets.canvas import Color
from seg.data.datasets.streets.road_layout import END_M, NEAR_M, Side, Street
from seg.data.datasets.streets.scene_state import Stage, dim, train_id
from seg.data.datasets.streets.texture import Texture

ROADS: tuple[tuple[Color, Texture], ...] = (
    ((104, 104, 106), Texture.ASPHALT), ((88, 88, 92), Texture.ASPHALT),
    ((124, 122, 118), Texture.ASPHALT), ((112, 106, 100), Texture.COBBLES),
    ((98, 98, 102), Texture.ASPHALT),
)  # fmt: skip
WALKS: tuple[tuple[Color, Texture], ...] = (
    ((148, 144, 138), Texture.SLABS), ((132, 130, 128), Texture.SLABS),
    ((150, 128, 116), Texture.PAVERS), ((124, 122, 122), Texture.PAVERS),
    ((142, 138, 130), Texture.ASPHALT),
)  # fmt: skip
GRASS: tuple[Color, ...] = (
    (92, 118, 58), (110, 124, 68), (84, 104, 56), (128, 122, 78), (134, 116, 84),
)  # fmt: skip
PAINT: Color = (206, 206, 200)
_WIDE_M = 70.0
_OCTAGON = ((1, 0), (0.7, 0.7), (0, 1), (-0.7, 0.7), (-1, 0), (-0.7, -0.7), (0, -1), (0.7, -0.7))


def draw_ground(stage: Stage, street: Street) -> None:
    """Draw all that lies flat: the sides first, then the road over them."""
    road_color, road_texture = stage.dice.pick(ROADS)
    road = _flat(stage, stage.dice.vary(road_color, 10), "road", road_texture)
    for side in street.sides:
        _side(stage, street, side)
    stage.strip(road, NEAR_M, END_M, street.left, street.right)
    if street.junction:
        near, far = street.junction
        stage.strip(road, near, far, -_WIDE_M, _WIDE_M)
        line = _flat(stage, PAINT, "road", Texture.CONCRETE)
        stage.strip(line, near - 1.3, near - 0.8, street.middle, street.right)
    for side in street.sides:
        _gutter(stage, street, side, dim(road_color, 0.8))
    if street.tracks is not None:
        _tracks(stage, street)
    _marks(stage, street)
    for ahead in street.crossings:
        _zebra(stage, street, ahead)
    _details(stage, street, road_color)


def _flat(stage: Stage, color: Color, name: str, texture: Texture) -> int:
    lit = stage.lit(color, (0.0, 1.0, 0.0))
    return stage.canvas.part(lit, train_id(name), 10.0, texture=texture, ground=True)


def _side(stage: Stage, street: Street, side: Side) -> None:
    """Draw from the curb outwards: verge, sidewalk, the land of the lots."""
    dice = stage.dice
    grass = _flat(stage, dice.vary(dice.pick(GRASS), 12), "terrain", Texture.LAWN)
    color, texture = dice.pick(WALKS)
    walk = _flat(stage, dice.vary(color, 10), "sidewalk", texture)
    curb = side.edge + side.sign * 0.3
    land = grass if side.grassy else walk
    _between(stage, land, side.line - side.sign * 0.5, side.sign * _WIDE_M)
    _between(stage, walk, side.edge, side.line)
    if side.verge:
        _between(stage, grass, curb, curb + side.sign * side.verge)
    if side.strip:
        _between(stage, grass, side.line - side.sign * side.strip, side.line)


def _between(stage: Stage, part: int, first: float, second: float) -> None:
    stage.strip(part, NEAR_M, END_M, min(first, second), max(first, second))


def _gutter(stage: Stage, street: Street, side: Side, color: Color) -> None:
    """Draw a dark gutter on the road and the lit edge of the curb, left out at the junction."""
    gutter = _flat(stage, color, "road", Texture.CONCRETE)
    inward = (-side.sign * 0.8, 0.2, -0.3)
    stone = stage.lit(stage.dice.vary((172, 170, 164), 10), (0.0, 1.0, 0.0))
    facing = stage.lit((128, 126, 122), inward)
    top, face = (
        stage.canvas.part(color, train_id("sidewalk"), 10.0, texture=Texture.CONCRETE, ground=True)
        for color in (stone, facing)
    )
    for near, far in street.stretches:
        stage.strip(gutter, near, far, *sorted((side.edge, side.edge - side.sign * 0.3)))
        stage.strip(top, near, far, *sorted((side.edge, side.edge + side.sign * 0.3)))
        stage.strip(face, near, far, *sorted((side.edge, side.edge + side.sign * 0.1)))


def _tracks(stage: Stage, street: Street) -> None:
    """Draw two rails, in the road or on a bed of grass or gravel of their own."""
    assert street.tracks is not None
    bed = {"road": None, "grass": "terrain", "gravel": "terrain"}[street.bed]
    if bed:
        texture = Texture.LAWN if street.bed == "grass" else Texture.GRAVEL
        color = stage.dice.pick(GRASS) if street.bed == "grass" else (120, 110, 98)
        part = _flat(stage, stage.dice.vary(color, 10), bed, texture)
        for near, far in street.stretches:
            stage.strip(part, near, far, street.tracks - 1.6, street.tracks + 1.6)
    rail_label = bed or "road"
    groove = _flat(stage, (50, 50, 52), rail_label, Texture.FLAT)
    steel = _flat(stage, (158, 160, 164), rail_label, Texture.FLAT)
    for near, far in street.stretches:
        for offset in (-0.72, 0.72):
            x = street.tracks + offset
            stage.strip(groove, near, far, x - 0.09, x + 0.09)
            stage.strip(steel, near, far, x - 0.05, x + 0.03)


def _marks(stage: Stage, street: Street) -> None:
    worn = stage.dice.vary(PAINT, 16)
    line = _flat(stage, worn, "road", Texture.CONCRETE)
    period, dash = stage.dice.pick(((6.0, 3.0), (8.0, 4.0), (4.5, 2.0)))
    start = NEAR_M - stage.dice.between(0.0, period)
    for x in street.lines:
        z = start
        while z < 70.0:
            if not street.in_junction(z, z + dash):
                stage.strip(line, max(z, NEAR_M), max(z + dash, NEAR_M), x - 0.07, x + 0.07)
            z += period
    if street.edge_lines:
        for side in street.sides:
            x = side.edge - side.sign * 0.45
            end = street.junction[0] if street.junction else 80.0
            stage.strip(line, NEAR_M, end, x - 0.06, x + 0.06)


def _zebra(stage: Stage, street: Street, ahead: float) -> None:
    stripe = _flat(stage, stage.dice.vary((214, 214, 208), 12), "road", Texture.CONCRETE)
    x = street.left + 0.4
    while x < street.right - 0.6:
        stage.strip(stripe, ahead, ahead + 3.0, x, x + 0.5)
        x += 1.0


def _details(stage: Stage, street: Street, color: Color) -> None:
    """Draw patches in the asphalt and manhole covers."""
    dice = stage.dice
    for _ in range(dice.whole(1, 4)):
        tone = _flat(stage, dim(color, dice.between(0.8, 1.14)), "road", Texture.ASPHALT)
        x, z = dice.between(street.left, street.right - 2.0), dice.between(3.5, 25.0)
        stage.strip(tone, z, z + dice.between(1.0, 6.0), x, x + dice.between(0.5, 1.6))
    cover = _flat(stage, (58, 58, 60), "road", Texture.GRAVEL)
    for _ in range(dice.whole(0, 2)):
        x, z = dice.between(street.left + 0.5, street.right - 0.5), dice.between(5.0, 20.0)
        spots = [(x + a * 0.34, 0.0, z + b * 0.34) for a, b in _OCTAGON]
        stage.canvas.fill(cover, stage.camera.project(spots))
