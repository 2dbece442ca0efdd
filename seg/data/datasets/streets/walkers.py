"""People, parked two-wheelers, poles, lights, signs and street trees."""

from collections.abc import Callable
from functools import partial

from seg.data.datasets.streets.cycles import bicycle, motorcycle
from seg.data.datasets.streets.furniture import (
    bollard,
    direction_sign,
    street_lamp,
    traffic_light,
    traffic_sign,
)
from seg.data.datasets.streets.people import person
from seg.data.datasets.streets.plants import tree
from seg.data.datasets.streets.road_layout import Side, Street
from seg.data.datasets.streets.scene_state import Actor, Stage
from seg.data.datasets.streets.traffic import Traffic


def furnish(stage: Stage, street: Street, traffic: Traffic) -> list[Actor]:
    """Plan all that stands on the sidewalks, and who crosses the road."""
    actors: list[Actor] = []
    for side in street.sides:
        actors += _posts(stage, street, side)
        actors += _trees(stage, street, side)
    actors += _signals(stage, street)
    actors += _parked(stage, street, traffic)
    actors += _people(stage, street, traffic)
    return actors


def _slim(across: float, ahead: float, half: float, draw: Callable[[], None]) -> Actor:
    return Actor(ahead - half, ahead + half, across - half, across + half, draw)


def _view(stage: Stage, across: float) -> float:
    return stage.camera.first_ahead(across) * 1.08 + 0.5


def _posts(stage: Stage, street: Street, side: Side) -> list[Actor]:
    """Plan lamps at even steps, a few signs, sometimes bollards."""
    dice = stage.dice
    x = side.edge + side.sign * 0.55
    view = _view(stage, x)
    actors = []
    if dice.chance(0.7):
        z, step = view + dice.between(0.0, 8.0), dice.between(16.0, 26.0)
        lamp = partial(street_lamp, stage, -side.sign)
        actors += [_at(street, x, z + k * step, lamp) for k in range(3)]
    if dice.chance(0.55):
        z = view + dice.between(0.0, 7.0)
        actors.append(_at(street, x + side.sign * 0.15, z, partial(traffic_sign, stage)))
    if dice.chance(0.17):
        z = view + dice.between(4.0, 14.0)
        actors.append(_at(street, x + side.sign * 0.8, z, partial(direction_sign, stage)))
    if dice.chance(0.25):
        z = view + dice.between(0.0, 2.0)
        row = range(dice.whole(3, 6))
        actors += [_at(street, x, z + k * 1.8, partial(bollard, stage)) for k in row]
    for actor in actors:
        stage.shadow((actor.left + actor.right) / 2, 0.2, actor.near, actor.far, 3.0)
    return actors


def _at(street: Street, across: float, ahead: float, draw: Callable[[float, float], None]) -> Actor:
    if street.in_junction(ahead, ahead):
        assert street.junction
        ahead = street.junction[1] + 1.0
    return _slim(across, ahead, 0.1, lambda: draw(across, ahead))


def _trees(stage: Stage, street: Street, side: Side) -> list[Actor]:
    """Plan a row of trees along the curb."""
    dice = stage.dice
    if not dice.chance(0.4):
        return []
    x = side.edge + side.sign * (side.verge / 2 + 0.4 if side.verge else 0.9)
    z, step = _view(stage, x) + dice.between(1.0, 12.0), dice.between(8.0, 14.0)
    scale = dice.between(0.6, 0.85)
    actors = []
    for k in range(dice.whole(2, 5)):
        ahead = z + k * step
        if not street.in_junction(ahead - 1, ahead + 1):
            stage.round_shadow(x, ahead, 1.6 * scale + 0.3, 4.0 * scale)
            actors.append(_slim(x, ahead, 0.2, partial(tree, stage, x, ahead, scale)))
    return actors


def _signals(stage: Stage, street: Street) -> list[Actor]:
    """Plan traffic lights before the junction or at a crossing."""
    dice = stage.dice
    if street.junction:
        ahead = street.junction[0] - 0.6
    elif street.crossings and dice.chance(0.6):
        ahead = street.crossings[0] - 0.4
    elif dice.chance(0.3):
        ahead = dice.between(9.0, 20.0)
    else:
        return []
    actors = []
    for side in street.sides:
        if dice.chance(0.85):
            x = side.edge + side.sign * 0.5
            reach = -side.sign * dice.between(2.4, 4.0) if dice.chance(0.45) else 0.0
            z = max(ahead, _view(stage, x))
            actors.append(_slim(x, z, 0.1, partial(traffic_light, stage, x, z, reach)))
    if street.junction and dice.chance(0.6):
        x, z = street.right + 0.6, street.junction[1] + 0.6
        actors.append(_slim(x, z, 0.1, lambda: traffic_light(stage, x, z, 0.0)))
    return actors


def _parked(stage: Stage, street: Street, traffic: Traffic) -> list[Actor]:
    """Plan bicycles and motorcycles on the sidewalk."""
    dice = stage.dice
    actors = []
    for draw, share in ((bicycle, 0.6), (motorcycle, 0.6)):
        if not dice.chance(share):
            continue
        side = dice.pick(street.sides)
        x = side.edge + side.sign * dice.between(1.3, 2.2)
        z = _view(stage, x) + dice.between(0.2, 3.0)
        turn = dice.between(0.55, 1.0) if dice.chance(0.85) else 0.0
        for _ in range(dice.whole(2, 4)):
            if not traffic.blocked(x, z, 0.2) and not street.in_junction(z, z):
                actors.append(traffic.cycle(draw, x, z, ridden=False, turn=turn))
            z += dice.between(0.7, 1.6)
            x += side.sign * dice.between(-0.1, 0.5)
    return actors


def _people(stage: Stage, street: Street, traffic: Traffic) -> list[Actor]:
    dice = stage.dice
    spots: list[tuple[float, float]] = []
    for side in street.sides:
        for _ in range(dice.whole(1, 5)):
            x = dice.between(side.edge + side.sign * 0.7, side.line - side.sign * 0.5)
            z = _view(stage, x) + dice.between(0.0, 9.0)
            spots.append((x, z))
            if dice.chance(0.3):
                spots.append((x + 0.6, z + 0.3))
    for ahead in street.crossings:
        left, right = street.left - 1.0, street.right + 1.0
        spots += [
            (dice.between(left, right), ahead + dice.between(0.3, 2.7))
            for _ in range(dice.whole(0, 4))
        ]
    actors = []
    for x, z in spots:
        if not traffic.blocked(x, z, 0.4):
            stage.shadow(x, 0.5, z - 0.1, z + 0.15, 1.6)
            actors.append(_slim(x, z, 0.2, partial(person, stage, x, z)))
    return actors
