"""The land along both sides: houses, walls, fences, gardens, and the far end of the street."""

from collections.abc import Callable
from functools import partial

import numpy as np

from seg.data.datasets.streets.barriers import fence, wall
from seg.data.datasets.streets.buildings import Facade, draw_style, facade, house
from seg.data.datasets.streets.canvas import SKY_AHEAD_M
from seg.data.datasets.streets.plants import bush, hedge, tree
from seg.data.datasets.streets.road_layout import Side, Street
from seg.data.datasets.streets.scene_state import Actor, Stage, train_id
from seg.data.datasets.streets.texture import Texture

_LAST_M = 95.0
_DEEP_M = 12.0
Drawing = Callable[[Stage, Side, float, float], None]


def backdrop(stage: Stage) -> None:
    """Draw a skyline of far trees and houses in front of the sky."""
    dice, canvas, camera = stage.dice, stage.canvas, stage.camera
    height, width = canvas.parts_HW.shape
    horizon = int(camera.horizon_px)
    x = 0
    while x < width:
        wide = int(height * dice.between(0.06, 0.22)) + 2
        tall = int(height * dice.between(0.015, 0.09)) + 2
        if dice.chance(0.5):
            style = draw_style(dice, stage.weather.dark)
            color = stage.lit(style.color, (0.0, 0.0, -1.0))
            part = canvas.part(color, train_id("building"), 130.0)
        else:
            color = stage.lit(dice.vary((80, 100, 62), 14), (0.0, 0.5, -0.6))
            part = canvas.part(color, train_id("vegetation"), 130.0, texture=Texture.LEAVES)
            tall = tall * 2 // 3
        top, bottom = horizon - tall, horizon + 3
        box = ((x, top), (x + wide, top), (x + wide, bottom), (x, bottom))
        canvas.fill(part, np.array(box, np.int32))
        x += wide
    assert canvas.aheads[0] == SKY_AHEAD_M


def line_up(stage: Stage, street: Street) -> list[Actor]:
    """Plan the lots of both sides, nearest first."""
    dice = stage.dice
    drawings: list[Drawing | None] = []
    if dice.chance(0.62):
        drawings.append(_walled)
    if dice.chance(0.75):
        drawings.append(_fenced)
    plans = dice.shuffled([*drawings, None, None][:2])
    actors: list[Actor] = []
    for side, first in zip(street.sides, plans, strict=True):
        actors += _row(stage, street, side, first)
    if dice.chance(0.6) and street.junction is None:
        ahead = dice.between(80.0, 110.0)  # a house across the far end of the street
        style = draw_style(dice, stage.weather.dark)
        front = Facade((-12.0, ahead), (1.0, 0.0), 24.0, (0.0, 0.0, -1.0), ahead)
        closing = partial(facade, stage, front, style)
        actors.append(Actor(ahead, ahead + 10.0, -12.0, 12.0, closing))
    return actors


def _row(stage: Stage, street: Street, side: Side, first: Drawing | None) -> list[Actor]:
    """Plan lots one behind the other; `first` fills the first that is well in view."""
    dice = stage.dice
    view = stage.camera.first_ahead(side.line)
    z = view * dice.between(0.55, 0.8)
    actors = []
    built = dice.chance(0.72)
    while z < _LAST_M:
        length = dice.between(8.0, 16.0)
        if street.in_junction(z, z + length):
            assert street.junction
            if z >= street.junction[0] - 5.0:
                z = street.junction[1] + 1.5
                continue
            length = street.junction[0] - 1.5 - z
        if first is not None and z + length > view * 1.25:
            draw, first = first, None
        elif built:
            draw = dice.weighted(((_built, 8.0), (_walled, 0.5), (_fenced, 0.5), (_garden, 1.2)))
        else:
            draw = dice.weighted(((_built, 2.0), (_walled, 0.8), (_fenced, 0.8), (_garden, 3.0)))
        left, right = sorted((side.line, side.line + side.sign * _DEEP_M))
        drawing = partial(draw, stage, side, z, z + length)
        actors.append(Actor(z, z + length, left, right, drawing))
        z += length + (0.0 if dice.chance(0.6) else dice.between(0.5, 3.0))
    return actors


def _built(stage: Stage, side: Side, near: float, far: float) -> None:
    style = draw_style(stage.dice, stage.weather.dark)
    house(stage, side.line, near, far, style)


def _behind(stage: Stage, side: Side, near: float, far: float) -> None:
    """Draw a house or trees set back from the street."""
    dice = stage.dice
    if dice.chance(0.55):
        style = draw_style(dice, stage.weather.dark, low=True)
        house(stage, side.line + side.sign * dice.between(3.0, 6.0), near + 1.0, far - 1.0, style)
    for _ in range(dice.whole(1, 2)):
        tree(stage, side.line + side.sign * dice.between(2.0, 5.0), dice.between(near + 1, far))


def _walled(stage: Stage, side: Side, near: float, far: float) -> None:
    _behind(stage, side, near, far)
    wall(stage, side.line, near, far)


def _fenced(stage: Stage, side: Side, near: float, far: float) -> None:
    _behind(stage, side, near, far)
    for _ in range(stage.dice.whole(0, 3)):
        bush(stage, side.line + side.sign * 1.6, stage.dice.between(near + 0.5, far), 1.3)
    fence(stage, side.line, near, far)


def _garden(stage: Stage, side: Side, near: float, far: float) -> None:
    """Draw open ground with trees and bushes, sometimes behind a hedge."""
    dice = stage.dice
    spots = sorted((dice.between(near + 0.5, far) for _ in range(dice.whole(2, 4))), reverse=True)
    for z in spots:
        if dice.chance(0.65):
            tree(stage, side.line + side.sign * dice.between(1.5, 8.0), z)
        else:
            bush(stage, side.line + side.sign * dice.between(1.0, 5.0), z, dice.between(0.8, 1.8))
    if dice.chance(0.4):
        hedge(stage, near, far, side.line, dice.between(1.0, 2.0))
